/** What each fault of the conformance kit is in the words of a Vault, and what of its requests changes nothing. */
import { locate } from '../../src/revokers/vault/ids.ts';
import type { Fault } from './stage.ts';

/** In every answer that goes wrong: nobody may repeat it. */
export const leakedSecret = 'hvs.CAESIJleakedleakedleaked0123456789';

const errors = (...words: readonly string[]): string => JSON.stringify({ errors: words });

/** What each fault is in the words of this server. Those that are no answer are not among them. */
export const faultAnswers: Partial<Record<Fault, { readonly status: number; readonly body: string }>> = {
  Unauthorized: { status: 403, body: errors('permission denied') },
  Forbidden: { status: 403, body: errors(`1 error occurred:\n\t* permission denied for ${leakedSecret}\n\n`) },
  NotFoundPage: { status: 404, body: `<html>${leakedSecret}</html>` },
  NotFoundOther: { status: 404, body: errors(`no handler for route "${leakedSecret}". route entry not found.`) },
  TooManyRequests: { status: 429, body: errors(leakedSecret) },
  ServerError: { status: 500, body: errors(`internal error: ${leakedSecret}`) },
  Unavailable: { status: 503, body: errors('Vault is sealed', leakedSecret) },
  Garbage: { status: 200, body: `<p>${leakedSecret}</p>` },
  Empty: { status: 200, body: '' },
};

/** What asks in the body, or writes where nobody else looks, changes nothing of anybody's. */
export const asks = /^(identity\/lookup\/entity|auth\/token\/lookup-accessor|sys\/leases\/lookup|sys\/capabilities-self|cubbyhole\/offboard|.*\/secret-id-accessor\/lookup)$/;

/** The class of what a stage planted, by its id. */
export const classOf = (id: string): string => {
  const kinds = ['Login', 'Token', 'SecretId', 'AuthRole', 'Certificate', 'Lease'];
  return kinds.find((kind) => locate({ id, class: kind }) !== undefined) ?? '';
};
