/** The part of `make generate` that writes the reference of the metrics. */
import { writeFile } from 'node:fs/promises';
import { metricsReference } from './reference.ts';

await writeFile(new URL('../../docs/reference/metrics.md', import.meta.url), metricsReference());
