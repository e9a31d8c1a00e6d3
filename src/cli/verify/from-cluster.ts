/** The records of a cluster, and the keys that it says they are signed with. */
import { materialOf } from '../../evidence/material.ts';
import type { Material } from '../../evidence/material.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { configMaps, offboardingRecords } from '../../kube/resources.ts';
import { withCluster } from '../cluster.ts';
import type { Io } from '../command.ts';
import { joined, noInput, readInput } from './input.ts';
import type { Input } from './input.ts';
import type { VerifyOptions } from './options.ts';

const publicKeysName = 'offboard-signing-keys';
/** Chunks are long. */
const pageSize = 50;

interface RecordObject extends KubeObject {
  readonly spec?: Readonly<Record<string, unknown>>;
}

/** Rejects when the records cannot be read, all of them; the keys are of help, and no more. */
export const readCluster = (values: NonNullable<VerifyOptions['cluster']>, io: Io): Promise<Input> =>
  withCluster(values, io, ({ client, namespace, signal }) => readRecords(client, namespace, signal));

/** The same where there is a connection; the keys are in the namespace where Offboard runs. */
export const readRecords = async (client: KubeClient, namespace: string, signal: AbortSignal): Promise<Input> => {
  const material: Material[] = [];
  for await (const page of client.listPages<RecordObject>(offboardingRecords, { pageSize }, { signal })) {
    material.push(...page.items.map(({ metadata: { name }, spec = {} }) => materialOf(`record ${name} of the cluster`, name, spec)));
  }
  return joined([{ ...noInput, material }, await readPublished(client, namespace, signal)]);
};

const readPublished = async (client: KubeClient, namespace: string, signal: AbortSignal): Promise<Input> => {
  try {
    const found = await client.get(configMaps, { namespace, name: publicKeysName }, { signal });
    return { ...noInput, published: readInput(publicKeysName, JSON.stringify({ ...found, kind: 'ConfigMap' })).published };
  } catch {
    return noInput;
  }
};
