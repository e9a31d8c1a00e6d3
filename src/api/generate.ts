/**
 * `make generate`: writes what follows from something else: types and references from the CRDs and the code, the chart's copies of what it
 * shares with config/ and the values in its README, and what the operator knows of the policies of its lock. The gate fails when what is
 * generated differs from what is committed.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { copyIntoChart } from './generate/chart.ts';
import { conditionsReferenceOf } from './generate/conditions.ts';
import { writeLockManifests } from './generate/lock.ts';
import { readCrds } from './generate/crd.ts';
import { referenceOf } from './generate/reference.ts';
import { typesOf } from './generate/types.ts';
import { writeValues } from './generate/values.ts';

const types = new URL('v1alpha1/', import.meta.url);
const reference = new URL('../../docs/reference/', import.meta.url);

const fileName = (kind: string): string => kind.replace(/(?<=.)([A-Z])/g, '-$1').toLowerCase();

const crds = await readCrds();
for (const crd of crds) await writeFile(new URL(`${fileName(crd.kind)}.ts`, types), await typesOf(crd));
await mkdir(reference, { recursive: true });
await writeFile(new URL('api.md', reference), referenceOf(crds));
await writeFile(new URL('conditions.md', reference), conditionsReferenceOf(await readFile(new URL('conditions.ts', types), 'utf8')));
await copyIntoChart();
await writeValues();
await writeLockManifests();
