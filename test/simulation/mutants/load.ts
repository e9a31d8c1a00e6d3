/**
 * Loaded before anything else (`node --import ./test/simulation/mutants/load.ts …`): breaks the sources of the mutant that `MUTANT`
 * names while they are read, and before their types are taken off. Nothing on the disk changes.
 */
import { registerHooks } from 'node:module';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mutantNamed } from './list.ts';
import { broken, filesOf } from './mutant.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const mutant = mutantNamed(process.env['MUTANT'] ?? '');
const missing = new Set(filesOf(mutant));

registerHooks({
  load: (url, context, nextLoad) => {
    const loaded = nextLoad(url, context);
    const file = url.startsWith('file:') ? relative(root, fileURLToPath(url)) : '';
    if (!filesOf(mutant).includes(file)) return loaded;
    missing.delete(file);
    const { source = '' } = loaded;
    return { ...loaded, source: broken(mutant, file, typeof source === 'string' ? source : new TextDecoder().decode(source)) };
  },
});

// What was never loaded was never broken, and whoever ran it would take the sound operator for the mutant.
process.on('exit', () => {
  if (missing.size === 0) return;
  process.stderr.write(`mutant ${mutant.name}: never loaded: ${[...missing].join(', ')}\n`);
  process.exitCode = 2;
});
