/** Admission policies as the API server stores them, and what it says when one denies. */
import { ApiError } from './errors.ts';
import type { KubeObject } from './objects.ts';

/** A ValidatingAdmissionPolicy, or a binding of one. The specs are compared and never interpreted. */
export interface AdmissionObject extends KubeObject {
  readonly spec?: unknown;
}

/**
 * The name of the ValidatingAdmissionPolicy that denied a request. Of several the API server names the first alone. A right that is
 * missing, a quota and everything else is none: their answers have no cause of this form. A webhook may give any cause, but the API
 * server begins its words by saying whose they are.
 */
export const denyingPolicy = (error: unknown): string | undefined => {
  if (!(error instanceof ApiError) || error.code !== 403 || error.reason !== 'Forbidden' || error.message.startsWith('admission webhook ')) return undefined;
  const [cause] = error.details?.causes ?? [];
  // At the very beginning: what follows is the policy's own text, which may say anything.
  return /^ValidatingAdmissionPolicy '([^']+)' with binding '[^']+' denied request\b/.exec(cause?.message ?? '')?.[1];
};
