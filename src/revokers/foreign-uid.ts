import { reasons } from '../api/v1alpha1/conditions.ts';
import type { Target } from '../api/v1alpha1/index.ts';
import { type OutcomeError, needsPerson } from '../runtime/outcome.ts';

/** Whoever names an identity may pin any UID. Told in words that do not tell whose it is. */
export const foreignUid = (whoSays: string, { namespace, name }: Pick<Target['serviceAccount'], 'namespace' | 'name'>): OutcomeError =>
  needsPerson(reasons.uidMismatch, `${whoSays} the UID is that of another ServiceAccount than ${namespace}/${name}, which is left alone; correct serviceAccount.uid, or leave it out`);
