/** Lets the operator into a Vault by the very commands of docs/vault.md, as they are. */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';

import { documented } from '../docs/documented.ts';
import type { Openbao } from '../env/openbao.ts';
import { requireOpenbao } from '../env/tools/openbao.ts';

const run = promisify(execFile);

/** The Kubernetes auth mount is there already. */
export const letOperatorIn = async (bao: Openbao): Promise<void> => {
  const ca = join(bao.folder, 'documented-ca.pem');
  writeFileSync(ca, bao.ca);
  const commands = [documented('docs/vault.md', 'Set-up in ten lines', 'for policy'), documented('docs/vault.md', 'Set-up in ten lines', 'bao')];
  const PATH = [dirname(await requireOpenbao()), process.env['PATH']].join(delimiter);
  await run('bash', ['-euc', commands.join('\n')], { env: { ...process.env, PATH, BAO_ADDR: bao.url, BAO_TOKEN: bao.token, BAO_CACERT: ca } });
};
