/** The records of the bench: one chain, each of an identity of its own, with as many credentials as make it about ten kilobytes. */
import { recordSpecOf } from '../../src/evidence/check.ts';
import type { Predicate } from '../../src/evidence/predicate.ts';
import { readSigningKey } from '../../src/evidence/signing.ts';
import { sealed } from '../../src/evidence/statement.ts';
import { aPredicate, aRecordedCredential, aRecordedDependency } from '../builders/predicate.ts';
import type { ControlPlane } from '../env/control-plane.ts';
import { installSigningKey } from '../env/signing-key.ts';
import { inParallel } from './api.ts';
import type { Api } from './api.ts';

const creators = 32;
const credentialCount = 20;
const collection = '/apis/offboard.dev/v1alpha1/offboardingrecords';

/** Resolves to the bytes of the envelope of one of them. */
export const createTombstones = async (cluster: ControlPlane, api: Api, count: number): Promise<number> => {
  await installSigningKey(cluster);
  const pem = await cluster.kubectl(['get', 'secret', 'offboard-signing-key', '-n', 'offboard-system', '-o', 'jsonpath={.data.key\\.pem}']);
  const key = readSigningKey(Buffer.from(pem, 'base64').toString('utf8'));
  const data = { [`${key.keyid}.pem`]: key.publicKeyPem };
  await cluster.kubectl(['patch', 'configmap', 'offboard-signing-keys', '-n', 'offboard-system', '--type=merge', '-p', JSON.stringify({ data })]);
  const records: object[] = [];
  let previous: Predicate['record']['previous'];
  let bytes = 0;
  for (let place = 1; place <= count; place += 1) {
    const predicate = predicateOf(place, previous);
    const { name } = predicate.record;
    const signed = sealed(predicate, key);
    records.push({ apiVersion: 'offboard.dev/v1alpha1', kind: 'OffboardingRecord', metadata: { name }, spec: recordSpecOf(predicate, signed) });
    previous = { name, digest: signed.digest };
    bytes = signed.envelope.payload.length;
  }
  await inParallel(records, creators, async (record) => {
    const { status, body } = await api.call('POST', collection, record);
    if (status !== 201) throw new Error(`a record could not be created: ${String(status)} ${body}`);
  });
  return bytes;
};

const predicateOf = (place: number, previous: Predicate['record']['previous']): Predicate => {
  const account = `retired-${String(place).padStart(5, '0')}`;
  const { run } = aPredicate();
  const credentials = Array.from({ length: credentialCount }, (_, index) => aRecordedCredential({ id: `rolebindings/bench-${String(place % 10)}/${account}-${String(index)}`, class: 'RoleBinding' }));
  return aPredicate({
    record: { name: String(place).padStart(10, '0'), cluster: 'bench', ...(previous === undefined ? {} : { previous }) },
    identity: { serviceAccount: { namespace: `bench-${String(place % 10)}`, name: account, uid: `uid-of-${account}` }, probe: false },
    run: { ...run, namespace: `bench-${String(place % 10)}`, name: account, uid: `run-of-${account}` },
    dependencies: [aRecordedDependency({ credentials })],
  });
};
