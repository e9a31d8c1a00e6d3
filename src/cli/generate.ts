/** `make generate`, its second part: docs/reference/cli.md from the commands. The gate fails when it differs from what is committed. */
import { writeFile } from 'node:fs/promises';
import { commands } from './commands.ts';
import { referenceOf } from './reference.ts';

await writeFile(new URL('../../docs/reference/cli.md', import.meta.url), referenceOf(commands));
