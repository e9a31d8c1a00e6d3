/** Lets the operator into a Vault by the very commands of docs/vault.md, as they are. */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';

import type { Openbao } from '../env/openbao.ts';
import { requireOpenbao } from '../env/tools/openbao.ts';

const run = promisify(execFile);

/** Up to the line that is for the cluster. */
const commands = (): string => {
  const [, found] = /^```sh\n(for policy .*?)^kubectl /ms.exec(readFileSync('docs/vault.md', 'utf8')) ?? [];
  if (found === undefined) throw new Error('docs/vault.md does not tell any more how the operator is let in.');
  return found;
};

/** The Kubernetes auth mount is there already. */
export const letOperatorIn = async (bao: Openbao): Promise<void> => {
  const ca = join(bao.folder, 'documented-ca.pem');
  writeFileSync(ca, bao.ca);
  const PATH = [dirname(await requireOpenbao()), process.env['PATH']].join(delimiter);
  await run('bash', ['-euc', commands()], { env: { ...process.env, PATH, BAO_ADDR: bao.url, BAO_TOKEN: bao.token, BAO_CACERT: ca } });
};
