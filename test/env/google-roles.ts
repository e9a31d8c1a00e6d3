/** The roles in config/google-cloud, as they are published. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { load } from 'js-yaml';

const roles = ['role', 'organization', 'asset-search'] as const;

export const permissionsIn = (role: (typeof roles)[number]): readonly string[] =>
  (load(readFileSync(join(import.meta.dirname, `../../config/google-cloud/${role}.yaml`), 'utf8')) as { readonly includedPermissions: readonly string[] }).includedPermissions;

/** Of all of them. */
export const publishedPermissions: readonly string[] = roles.flatMap(permissionsIn);
