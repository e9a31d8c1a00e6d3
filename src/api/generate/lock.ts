/** The policies of the lock and their bindings, for the operator, which compares with them what is in force. */
import { readFile, writeFile } from 'node:fs/promises';
import { loadAll } from 'js-yaml';

const root = new URL('../../../', import.meta.url);
const source = new URL('config/policies/lock.yaml', root);
const target = new URL('src/revokers/kubernetes/lock-manifests.json', root);

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec?: object;
}

export const writeLockManifests = async (): Promise<void> => {
  const manifests = loadAll(await readFile(source, 'utf8')) as readonly Manifest[];
  const policies = manifests.flatMap(({ kind, metadata: { name }, spec }) => (spec === undefined ? [] : [{ kind, name, spec }]));
  await writeFile(target, `${JSON.stringify(policies, null, 2)}\n`);
};
