/**
 * What a tombstone watches: whether anything of the identity is there again. The cluster is asked at each look, of the watches first, which
 * costs nothing; the other systems by the hour, where the record names some. Nothing is revoked.
 */
import type { Dependency, Target } from '../../api/v1alpha1/index.ts';
import type { RecordedCredential, RecordedDeclaration, RecordedDependency } from '../../evidence/predicate.ts';
import { isThere } from '../../policy/tombstone.ts';
import type { DependencyLook, LockState, Round } from '../../policy/tombstone.ts';
import { isLeftOver } from '../../policy/waiver.ts';
import { toOutcome } from '../../kube/errors.ts';
import type { Credential, Revoker } from '../../revokers/revoker.ts';
import { jitter } from '../../runtime/random.ts';
import type { OffboardingRecordObject } from '../objects.ts';
import { whatCameBack } from '../returned.ts';
import { identityOfRecord } from './context.ts';
import type { RecordContext } from './context.ts';
import { betweenLooksElsewhere } from './memory.ts';
import type { RecordMemory } from './memory.ts';
import { readRecord, readSigned } from './sound.ts';

/** The identity as far as the cluster is concerned. */
export const targetOf = ({ spec, signed }: OffboardingRecordObject): Target => {
  const { namespace = '', name = '', uid } = spec.identity ?? {};
  return {
    serviceAccount: { namespace, name, ...(uid === undefined ? {} : { uid }) },
    ...(signed?.certificates === undefined ? {} : { certificates: signed.certificates }),
  };
};

export const lookForReturns = async (
  record: OffboardingRecordObject,
  memory: RecordMemory,
  context: RecordContext,
  signal: AbortSignal,
): Promise<Round> => {
  const target = targetOf(record);
  const looks: DependencyLook[] = [];
  const whole = createOnce(() => readWhole(record, context, signal));
  for (const revoker of context.registry.forTarget(undefined)) {
    looks.push(await lookAtOne(record, revoker, target, whole, signal));
  }
  if (record.signed?.elsewhere !== true) return { looks, everywhere: true };
  if (memory.elsewhereAt > context.clock.monotonic()) return { looks, everywhere: false };
  memory.elsewhereAt = context.clock.monotonic() + jitter(context.random, betweenLooksElsewhere, 0.2);
  return { looks: [...looks, ...(await lookElsewhere(record, target, whole, context, signal))], everywhere: true };
};

/** One that does not answer takes back nothing that was proven, and says nothing of now. */
const lookElsewhere = async (
  record: OffboardingRecordObject,
  target: Target,
  whole: () => Promise<Whole>,
  { registry, log }: RecordContext,
  signal: AbortSignal,
): Promise<readonly DependencyLook[]> => {
  const standing = registry.forTarget(undefined);
  const read = await whole();
  if ('problem' in read) return [{ dependency: 'the other systems', unseen: `what is signed names them, and cannot be read: ${read.problem}` }];
  const all: Target = { ...target, dependencies: read.dependencies };
  const looks: DependencyLook[] = [];
  for (const revoker of registry.forTarget(all)) {
    if (standing.includes(revoker)) continue;
    try {
      looks.push(await lookAtOne(record, revoker, all, whole, signal));
    } catch (error) {
      if (signal.aborted) throw error;
      log.info('A dependency could not be asked whether access came back after the end', { record: record.metadata.name, dependency: revoker.name, error });
      looks.push({ dependency: revoker.name, unseen: toOutcome(error).message });
    }
  }
  return looks;
};

/** Only a run that ended with waivers, or was let go before its end, has left anything; what it left is no return. */
const lookAtOne = async (
  record: OffboardingRecordObject,
  revoker: Revoker,
  target: Target,
  whole: () => Promise<Whole>,
  signal: AbortSignal,
): Promise<DependencyLook> => {
  const dependency = revoker.name;
  const known = new Set((record.status?.returned ?? []).filter((entry) => entry.dependency === dependency && isThere(entry)).map(({ id }) => id));
  const read = ['CompletedWithWaivers', 'Abandoned'].includes(record.spec.outcome ?? '') ? await whole() : nothingLeft;
  if ('problem' in read) return { dependency, unseen: `what was left of it when it was given up is signed, and cannot be read: ${read.problem}` };
  const left = read.left(dependency);
  if (left === undefined) return { dependency, unseen: 'nobody had looked at it when it was given up, so that what comes back cannot be told from what was there' };
  const isReturn = (credential: Credential): boolean => credential.seen && !isLeftOver(credential, left);
  const present = await whatCameBack(revoker, target, isReturn, signal, known);
  return { dependency, present: present.map(({ id, class: kind }) => ({ id, class: kind })) };
};

/** What of a record is only in what is signed. */
interface Signed {
  readonly dependencies: NonNullable<Target['dependencies']>;
  /** What the record lists of a dependency; undefined for one that was never looked at. */
  readonly left: (dependency: string) => readonly RecordedCredential[] | undefined;
}

type Whole = Signed | { readonly problem: string };

const nothingLeft: Signed = { dependencies: [], left: () => [] };

/** Nothing that is not signed is gone by. */
const readWhole = async (record: OffboardingRecordObject, context: RecordContext, signal: AbortSignal): Promise<Whole> => {
  const opened = await readSigned(record.metadata.name, context, signal);
  if ('problem' in opened) return opened;
  const { predicate } = opened;
  const left = new Map<string, readonly RecordedCredential[]>();
  for (const each of predicate.dependencies) {
    const parts = (predicate.chunks ?? []).filter(({ dependency }) => dependency === each.name);
    const chunks = await Promise.all(parts.map((part) => readChunk(part.name, context, signal)));
    const credentials = [...each.credentials, ...chunks.flat()];
    if (credentials.length > 0 || wasLookedAt(each)) left.set(each.name, credentials);
  }
  return { dependencies: (predicate.identity.dependencies ?? []).flatMap(declaredIn), left: (dependency) => left.get(dependency) };
};

/** Signed by Offboard, and yet perhaps by a version that knew another form: what is of no use is left out. */
const declaredIn = ({ name, declared }: RecordedDeclaration): NonNullable<Target['dependencies']> => {
  try {
    return [{ ...(JSON.parse(declared) as Dependency), name }];
  } catch {
    return [];
  }
};

const wasLookedAt = ({ state, enumeratedAt }: RecordedDependency): boolean => state === 'Confirmed' || enumeratedAt !== undefined;

const readChunk = async (name: string, { client }: RecordContext, signal: AbortSignal): Promise<readonly RecordedCredential[]> => {
  const chunk = (await readRecord(client, name, signal))?.spec.chunk;
  return chunk === undefined ? [] : (JSON.parse(Buffer.from(chunk.credentials, 'base64').toString('utf8')) as readonly RecordedCredential[]);
};

const createOnce = <T>(work: () => Promise<T>): (() => Promise<T>) => {
  let answer: Promise<T> | undefined;
  return () => (answer ??= work());
};

/** Whether what keeps the name away still does. */
export const lockOf = async (record: OffboardingRecordObject, { registry }: RecordContext, signal: AbortSignal): Promise<LockState> => {
  const explanations: string[] = [];
  let state: LockState | undefined;
  for (const { name, lock } of registry.forTarget(undefined)) {
    if (lock.kind === 'NotLockable') explanations.push(`${name}: ${lock.explanation}`);
    if (lock.kind === 'NotLockable' || lock.stays !== true) continue;
    const seen = await lock.observeLock(targetOf(record), signal);
    const message = `${name}: ${seen.message ?? 'it was not seen to hold'}`;
    if (seen.state === 'Absent') return { state: 'Lost', message: `the lock on the name is gone: ${message}` };
    if (seen.state === 'Unknown') state = { state: 'Unknown', message: `whether the lock on the name stands could not be told: ${message}` };
    else state ??= { state: 'Held', message: seen.message === undefined ? name : message };
  }
  return state ?? { state: 'NotLockable', message: explanations.join('; ') };
};

/** Puts back what was lost of it. */
export const lockAgain = async (record: OffboardingRecordObject, { registry }: RecordContext, signal: AbortSignal): Promise<void> => {
  for (const { lock } of registry.forTarget(undefined)) if (lock.kind === 'Lockable' && lock.stays === true) await lock.lock(targetOf(record), signal);
};

/** Nothing keeps the name away any more. Nobody else may take the lock of a tombstone off, so that it says for how long it may be. */
export const unlock = async (record: OffboardingRecordObject, { registry, releasing }: RecordContext, signal: AbortSignal): Promise<void> => {
  const identity = identityOfRecord(record);
  releasing.add(identity);
  try {
    for (const { lock } of registry.forTarget(undefined)) if (lock.kind === 'Lockable' && lock.stays === true) await lock.unlock(targetOf(record), signal);
  } finally {
    releasing.delete(identity);
  }
};
