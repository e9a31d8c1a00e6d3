/**
 * What the mutating policies of Offboard write into its objects: who asked, and the finalizer by which a run that may act is held from
 * its first moment (config/policies/requested-by-stamp.yaml and hold.yaml, Kubernetes 1.36).
 */
import type { Kind } from './kinds.ts';
import type { User } from './rbac.ts';
import type { StoredObject } from './store.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Whoever writes. */
export type Stamp = (kind: Kind, object: StoredObject, before: StoredObject | undefined, user: User) => StoredObject;

const runFinalizer = 'offboard.dev/offboarding';

const fieldsOf = (value: unknown): Fields | undefined => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined);

export const stamp: Stamp = (kind, object, before, user) => {
  const spec = kind.custom ? fieldsOf(object['spec']) : undefined;
  if (spec === undefined) return object;
  const who = { username: user.name, groups: user.groups };
  const was = fieldsOf(before?.['spec']);
  switch (kind.plural) {
    case 'offboardings':
      return stampRun(object, spec, was, who);
    case 'offboardingwaivers':
      return was === undefined ? { ...object, spec: { ...spec, approvedBy: who } } : object;
    case 'workloadidentities': {
      const now = withWhoFirst(spec, was, 'supersedes', who);
      return now === spec ? object : { ...object, spec: now };
    }
    default:
      return object;
  }
};

/** Whoever wrote that field first. */
const withWhoFirst = (spec: Fields, was: Fields | undefined, field: string, who: object): Fields => {
  const asked = fieldsOf(spec[field]);
  if (asked === undefined || was?.[field] !== undefined) return spec;
  return { ...spec, [field]: { ...asked, requestedBy: who } };
};

const stampRun = (object: StoredObject, spec: Fields, was: Fields | undefined, who: object): StoredObject => {
  const claimed = was === undefined ? { ...spec, requestedBy: who } : spec;
  const now = withWhoFirst(claimed, was, 'cancel', who);
  const begins = spec['mode'] === 'Enforce' && was?.['mode'] !== 'Enforce';
  if (spec['mode'] !== 'Enforce' && now['enforcedBy'] !== undefined) {
    const { enforcedBy: _, ...rest } = now;
    return { ...object, spec: rest };
  }
  if (!begins) return now === spec ? object : { ...object, spec: now };
  const { metadata } = object;
  const finalizers = metadata.finalizers ?? [];
  const isHeld = metadata.deletionTimestamp !== undefined || finalizers.includes(runFinalizer);
  return { ...object, spec: { ...now, enforcedBy: who }, metadata: isHeld ? metadata : { ...metadata, finalizers: [...finalizers, runFinalizer] } };
};
