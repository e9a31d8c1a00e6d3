/** What the identity holds, as people read it: from the watches, which may be late, and never counted towards a proof. */
import { conditionTypes, reasons } from '../../api/v1alpha1/conditions.ts';
import type { Dependency, IdentityDependency, Target } from '../../api/v1alpha1/index.ts';
import { toOutcome } from '../../kube/errors.ts';
import type { Fact } from '../../policy/conditions.ts';
import { connectorOf, systemOf } from '../../policy/dependencies.ts';
import { verdictOfError } from '../../policy/verdict.ts';
import type { Verdict } from '../../policy/verdict.ts';
import type { Credential, Inventory, MissingPermission, Revoker } from '../../revokers/revoker.ts';
import { OutcomeError } from '../../runtime/outcome.ts';

const maxMissing = 32;

export interface IdentityInventory {
  readonly dependencies: readonly IdentityDependency[];
  readonly inventoried: Fact;
  /** Why it is not complete, where a dependency could not be asked. */
  readonly failed: Verdict | undefined;
}

/** What one dependency told, or why it did not; nothing where it was not asked. */
interface Asked {
  readonly revoker: Revoker;
  /** Undefined for a standing one. */
  readonly dependency: Dependency | undefined;
  readonly answer: { readonly inventory: Inventory; readonly missing: readonly MissingPermission[] } | OutcomeError | undefined;
}

/**
 * `before` is what the status says: the figures of a dependency that cannot be asked stay as they were, and so do those of the
 * declared ones while a run is under way, which asks them itself.
 */
export const takeInventory = async (
  revokers: readonly Revoker[],
  target: Target,
  { before, isUnderWay }: { readonly before: readonly IdentityDependency[]; readonly isUnderWay: boolean },
  signal: AbortSignal,
): Promise<IdentityInventory> => {
  const asked = await Promise.all(revokers.map((revoker) => ask(revoker, target, isUnderWay, signal)));
  signal.throwIfAborted();
  const left = asked.filter((each) => !isOver(each, asked, before));
  const failures = left.flatMap(({ revoker: { name }, answer }) => (answer instanceof OutcomeError ? [named(name, answer)] : []));
  return {
    dependencies: left.map((each) => statusOf(each, asked, before)),
    inventoried: inventoriedFact(left, failures),
    failed: worst(failures),
  };
};

const ask = async (revoker: Revoker, target: Target, isUnderWay: boolean, signal: AbortSignal): Promise<Asked> => {
  const dependency = target.dependencies?.find(({ name }) => name === revoker.name);
  if (isUnderWay && dependency !== undefined) return { revoker, dependency, answer: undefined };
  try {
    const inventory = await revoker.inventory(target, 'Cached', signal);
    return { revoker, dependency, answer: { inventory, missing: await revoker.preflight(target, inventory.credentials, signal) } };
  } catch (error) {
    return { revoker, dependency, answer: toOutcome(error) };
  }
};

const named = (name: string, { kind, reason, message }: OutcomeError): OutcomeError => new OutcomeError(kind, reason, `${name}: ${message}`);

/** The first that a person must mend, else the first. */
const worst = (failures: readonly OutcomeError[]): Verdict | undefined => {
  const first = failures.find(needsPerson) ?? failures[0];
  return first === undefined ? undefined : verdictOfError(first);
};

const needsPerson = ({ kind }: OutcomeError): boolean => kind === 'NeedsPerson' || kind === 'Invalid';

const isHeld = ({ seen, end }: Credential): boolean => seen || end.by === 'Expiry';

/**
 * What was taken out of the spec leaves when it holds nothing that a declared one does not list as well, and stays while that could
 * not be asked. One that the connector grants nothing of, and in which nothing was ever found, is a mistake that was mended: Offboard
 * may not look there.
 */
const isOver = (each: Asked, asked: readonly Asked[], before: readonly IdentityDependency[]): boolean => {
  if (each.dependency?.undeclared !== true) return false;
  if (each.answer === undefined) return false;
  if (!(each.answer instanceof OutcomeError)) return ownCredentials(each, asked)?.length === 0;
  return each.answer.reason === reasons.notGranted && (figuresOf(each, before)?.credentials ?? 0) === 0;
};

/** The credentials that count here. Undefined where another one that is declared could not be asked whether they are its own. */
const ownCredentials = ({ dependency, answer }: Asked, asked: readonly Asked[]): readonly Credential[] | undefined => {
  if (answer === undefined || answer instanceof OutcomeError) return undefined;
  const held = answer.inventory.credentials.filter(isHeld);
  if (dependency?.undeclared !== true || held.length === 0) return held;
  const connector = connectorOf(dependency);
  const declared = asked.filter((other) => other.dependency !== undefined && other.dependency.undeclared !== true && connectorOf(other.dependency) === connector);
  const listed = new Set<string>();
  for (const other of declared) {
    if (other.answer === undefined || other.answer instanceof OutcomeError) return undefined;
    for (const { id, uid = '' } of other.answer.inventory.credentials) listed.add(`${id} ${uid}`);
  }
  return held.filter(({ id, uid = '' }) => !listed.has(`${id} ${uid}`));
};

const figuresOf = ({ revoker: { name } }: Asked, before: readonly IdentityDependency[]): IdentityDependency | undefined =>
  before.find((each) => each.name === name);

const statusOf = (each: Asked, asked: readonly Asked[], before: readonly IdentityDependency[]): IdentityDependency => {
  const { revoker, dependency, answer } = each;
  const stored = figuresOf(each, before);
  const copy = {
    ...(dependency === undefined ? {} : { declared: dependency.undeclared !== true }),
    ...(dependency?.after === undefined ? {} : { after: dependency.after }),
    ...(dependency === undefined ? {} : systemOf(dependency)),
  };
  if (answer === undefined || answer instanceof OutcomeError) {
    const { credentials = 0, provable = false, missingPermissions } = stored ?? {};
    return { name: revoker.name, credentials, provable, ...copy, ...(missingPermissions === undefined ? {} : { missingPermissions }) };
  }
  const missingPermissions = answer.missing.slice(0, maxMissing).map(({ permission }) => permission);
  return {
    name: revoker.name,
    credentials: ownCredentials(each, asked)?.length ?? stored?.credentials ?? 0,
    provable: answer.missing.length === 0,
    ...copy,
    ...(missingPermissions.length === 0 ? {} : { missingPermissions }),
  };
};

const inventoriedFact = (asked: readonly Asked[], failures: readonly OutcomeError[]): Fact => {
  const unprovable = asked.flatMap(({ answer }) =>
    answer === undefined || answer instanceof OutcomeError
      ? []
      : [...answer.inventory.findings.filter(({ type }) => type === 'NotEnumerated'), ...answer.missing].map(({ message }) => message),
  );
  const message = [...failures.map((failure) => failure.message), ...unprovable].join('; ');
  const type = conditionTypes.inventoried;
  const failure = worst(failures);
  if (failure !== undefined) return { type, status: failures.every(needsPerson) ? 'False' : 'Unknown', reason: failure.reason, message };
  return unprovable.length === 0
    ? { type, status: 'True', reason: reasons.inventoryComplete, message: 'every credential is listed' }
    : { type, status: 'False', reason: reasons.notProvable, message };
};
