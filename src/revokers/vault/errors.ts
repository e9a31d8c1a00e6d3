/**
 * Where "gone" is told from "could not tell": what a status and a body of Vault or OpenBao prove. Pure tables, one function
 * for each kind of question; the tests have a line for every answer that was seen.
 *
 * A status alone proves nothing here: 400 is both "no such lease" and "the database refuses", 404 both "an empty list" and
 * "no such mount", 204 both "done" and "there was nothing". Whatever is not listed is `Unknown`.
 */
import { reasons } from '../../api/v1alpha1/conditions.ts';
import { needsPerson, type OutcomeError, retryable } from '../../runtime/outcome.ts';
import { redactText } from '../../runtime/redact.ts';
import { fieldOf, numberOf, textOf, textsOf } from '../fields.ts';
import { dataOf, errorsOf, wordsOf } from './answers.ts';
import type { VaultAnswer } from './client.ts';

export interface Unknown {
  readonly state: 'Unknown';
  readonly message: string;
}

const unknown = (answer: VaultAnswer): Unknown => ({ state: 'Unknown', message: describeAnswer(answer) });

/** A server's "not found" about a path that it has. With words in it, it is about something else, such as the mount. */
const isEmpty404 = ({ status, body }: VaultAnswer): boolean => status === 404 && errorsOf(body)?.length === 0;

const says = ({ body }: VaultAnswer, words: string): boolean => (errorsOf(body) ?? []).some((error) => error.includes(words));

// ---- leases ----------------------------------------------------------------------------------------------------

export type LeaseVerdict =
  | { readonly state: 'Gone' }
  /** Nobody asked for its end, or it was refused. */
  | { readonly state: 'Live' }
  /** Its time is over, or its end was asked for, and the server is at it: for so many seconds, by its clock, and since then. */
  | { readonly state: 'Pending'; readonly seconds: number; readonly since: string }
  /** The server has given up. */
  | { readonly state: 'Irrevocable'; readonly why: string }
  | Unknown;

/** The answer to `sys/leases/lookup` of one lease. */
export const classifyLease = (answer: VaultAnswer, leaseId: string): LeaseVerdict => {
  if (answer.status === 400 && wordsOf(answer.body) === 'invalid lease') return { state: 'Gone' };
  const data = dataOf(answer.body);
  if (answer.status !== 200 || textOf(data, 'id') !== leaseId) return unknown(answer);
  const why = textOf(data, 'revoke_error');
  if (why !== undefined && why !== '') return { state: 'Irrevocable', why: redactText(why) };
  const ttl = numberOf(data, 'ttl');
  if (ttl === undefined) return unknown(answer);
  return ttl > 0 ? { state: 'Live' } : { state: 'Pending', seconds: ttl === 0 ? 0 : -ttl, since: redactText(textOf(data, 'expire_time') ?? 'an unknown time') };
};

export type LeaseRevokeVerdict =
  /** Done as far as the server knows, or there was nothing. */
  | { readonly state: 'Accepted' }
  /** What stands behind the lease refuses, or cannot be reached: its words. */
  | { readonly state: 'Refused'; readonly why: string }
  | Unknown;

/** The answer to `sys/leases/revoke`: 204 when it waited for the end, 202 when it did not. */
export const classifyLeaseRevoke = (answer: VaultAnswer): LeaseRevokeVerdict => {
  if (answer.status === 204 || answer.status === 202) return { state: 'Accepted' };
  if (answer.status === 400 && says(answer, 'failed to revoke entry')) return { state: 'Refused', why: refusalOf(answer.body) };
  return unknown(answer);
};

/** `failed to revoke entry: resp: (*logical.Response)(nil) err: …`: the rest is what the backend said. */
const refusalOf = (body: unknown): string => redactText(wordsOf(body).replace(/^.*?failed to revoke entry:(?: resp:.*? err:)? ?/s, ''));

// ---- tokens ----------------------------------------------------------------------------------------------------

/** What never changes of a token. */
export interface TokenFacts {
  readonly accessor: string;
  /** Empty where it has none. */
  readonly entityId: string;
  /** Where it was made, such as `auth/kubernetes/login`. */
  readonly path: string;
  readonly meta: Readonly<Record<string, string>>;
}

export type TokenVerdict =
  | { readonly state: 'Present'; readonly facts: TokenFacts }
  | { readonly state: 'Gone' }
  /** Refused, in the words for a missing permission, which are also those for an accessor that leads to no token. */
  | { readonly state: 'Denied'; readonly message: string }
  | Unknown;

/** The answer to `auth/token/lookup-accessor`. */
export const classifyToken = (answer: VaultAnswer, accessor: string): TokenVerdict => {
  if ((answer.status === 400 || answer.status === 403) && says(answer, 'invalid accessor')) return { state: 'Gone' };
  if (answer.status === 403) return { state: 'Denied', message: describeAnswer(answer) };
  const data = dataOf(answer.body);
  const [path, entityId] = [textOf(data, 'path'), textOf(data, 'entity_id')];
  if (answer.status !== 200 || textOf(data, 'accessor') !== accessor || path === undefined || entityId === undefined) return unknown(answer);
  return { state: 'Present', facts: { accessor, entityId, path, meta: textPairs(fieldOf(data, 'meta')) } };
};

const textPairs = (value: unknown): Readonly<Record<string, string>> =>
  typeof value === 'object' && value !== null
    ? Object.fromEntries(Object.entries(value).filter((pair): pair is [string, string] => typeof pair[1] === 'string'))
    : {};

export type EndVerdict = { readonly state: 'Accepted' } | { readonly state: 'NothingThere' } | Unknown;

/** The answer to `auth/token/revoke-accessor`. */
export const classifyTokenRevoke = (answer: VaultAnswer): EndVerdict => {
  if (answer.status === 204) return { state: 'Accepted' };
  const warned = answer.status === 200 && (textsOf(answer.body, 'warnings') ?? []).some((warning) => warning.includes('No token found'));
  const unheardOf = answer.status === 400 && (says(answer, 'invalid accessor') || says(answer, 'token not found'));
  return warned || unheardOf ? { state: 'NothingThere' } : unknown(answer);
};

// ---- entities --------------------------------------------------------------------------------------------------

export interface Alias {
  readonly id: string;
  readonly name: string;
  readonly mountAccessor: string;
  readonly mountPath: string;
  /** What the mount said of whoever logged in by it last; empty where nobody did. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface Entity {
  readonly id: string;
  readonly disabled: boolean;
  readonly aliases: readonly Alias[];
  /** What was merged into it: tokens from before still carry these. */
  readonly mergedIds: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
}

export type EntityVerdict = { readonly state: 'Present'; readonly entity: Entity } | { readonly state: 'None' } | Unknown;

/** The answer to `identity/lookup/entity` by an alias: 204 says that no entity has it, if the mount's accessor is right. */
export const classifyEntity = (answer: VaultAnswer): EntityVerdict => {
  if (answer.status === 204 && answer.body === undefined) return { state: 'None' };
  const entity = answer.status === 200 ? readEntity(dataOf(answer.body)) : undefined;
  return entity === undefined ? unknown(answer) : { state: 'Present', entity };
};

const readEntity = (data: unknown): Entity | undefined => {
  const id = textOf(data, 'id');
  const disabled = fieldOf(data, 'disabled');
  const aliases = listOrNull(fieldOf(data, 'aliases'))?.map(readAlias);
  const merged = fieldOf(data, 'merged_entity_ids');
  const mergedIds = merged === null || merged === undefined ? [] : textsOf(data, 'merged_entity_ids');
  if (id === undefined || id === '' || typeof disabled !== 'boolean' || mergedIds === undefined) return undefined;
  if (aliases === undefined || !aliases.every((alias) => alias !== undefined)) return undefined;
  return { id, disabled, aliases, mergedIds, metadata: textPairs(fieldOf(data, 'metadata')) };
};

const listOrNull = (value: unknown): readonly unknown[] | undefined => (value === null || value === undefined ? [] : Array.isArray(value) ? value : undefined);

const readAlias = (value: unknown): Alias | undefined => {
  const [id, name, mountAccessor] = [textOf(value, 'id'), textOf(value, 'name'), textOf(value, 'mount_accessor')];
  if (id === undefined || name === undefined || mountAccessor === undefined) return undefined;
  return { id, name, mountAccessor, mountPath: textOf(value, 'mount_path') ?? '', metadata: textPairs(fieldOf(value, 'metadata')) };
};

export type EntityWriteVerdict = { readonly state: 'Done' } | { readonly state: 'NoSuchEntity' } | Unknown;

/** The answer to an update of an entity by its id. */
export const classifyEntityWrite = (answer: VaultAnswer): EntityWriteVerdict => {
  if (answer.status === 204 || (answer.status === 200 && textOf(dataOf(answer.body), 'id') !== undefined)) return { state: 'Done' };
  return answer.status === 400 && says(answer, 'entity not found') ? { state: 'NoSuchEntity' } : unknown(answer);
};

export type AliasVerdict =
  /** It did not exist, and now belongs to an entity that was made for it. */
  | { readonly state: 'Made'; readonly entityId: string }
  | { readonly state: 'Existed' }
  | Unknown;

/** The answer to `identity/entity-alias` without an entity, which moves nothing: 204 where there was such an alias. */
export const classifyAliasWrite = (answer: VaultAnswer): AliasVerdict => {
  if (answer.status === 204 && answer.body === undefined) return { state: 'Existed' };
  const entityId = textOf(dataOf(answer.body), 'canonical_id');
  return answer.status === 200 && entityId !== undefined && entityId !== '' ? { state: 'Made', entityId } : unknown(answer);
};

// ---- lists -----------------------------------------------------------------------------------------------------

export type ListVerdict = { readonly state: 'Keys'; readonly keys: readonly string[] } | Unknown;

/** The answer to a LIST. An empty one is a 404 without words, which a path that leads nowhere gives as well. */
export const classifyList = (answer: VaultAnswer): ListVerdict => {
  if (isEmpty404(answer)) return { state: 'Keys', keys: [] };
  const keys = answer.status === 200 ? textsOf(dataOf(answer.body), 'keys') : undefined;
  return keys === undefined ? unknown(answer) : { state: 'Keys', keys };
};

export interface IrrevocableLease {
  readonly leaseId: string;
  readonly error: string;
}

/** The answer to `sys/leases?type=irrevocable`. */
export const classifyIrrevocable = (answer: VaultAnswer): { readonly state: 'Leases'; readonly leases: readonly IrrevocableLease[] } | Unknown => {
  const data = dataOf(answer.body);
  const leases = fieldOf(data, 'leases');
  const read = Array.isArray(leases) ? leases.map((lease: unknown) => ({ leaseId: textOf(lease, 'lease_id'), error: redactText(textOf(lease, 'error') ?? '') })) : undefined;
  // A list that was cut off says how many there are.
  if (answer.status !== 200 || read === undefined || numberOf(data, 'lease_count') !== read.length) return unknown(answer);
  const whole = read.flatMap(({ leaseId, error }) => (leaseId === undefined ? [] : [{ leaseId, error }]));
  return whole.length === read.length ? { state: 'Leases', leases: whole } : unknown(answer);
};

// ---- roles, secret ids, certificates ---------------------------------------------------------------------------

export type ReadVerdict = { readonly state: 'Present'; readonly data: object } | { readonly state: 'Absent' } | Unknown;

/** The answer to a GET of a role or a certificate, which is a 404 without words where there is none. */
export const classifyRead = (answer: VaultAnswer): ReadVerdict => {
  if (isEmpty404(answer)) return { state: 'Absent' };
  const data = dataOf(answer.body);
  return answer.status === 200 && typeof data === 'object' && data !== null ? { state: 'Present', data } : unknown(answer);
};

/** The answer to a DELETE: 204, whether there was anything or not. */
export const classifyDelete = (answer: VaultAnswer): { readonly state: 'Accepted' } | Unknown =>
  answer.status === 204 ? { state: 'Accepted' } : unknown(answer);

/** The answer to a LIST of an AppRole's secret ids, where a role that is not there is a 400. */
export const classifySecretIdList = (answer: VaultAnswer): ListVerdict | { readonly state: 'NoSuchRole' } => {
  if (answer.status === 400 && roleIsGone(answer)) return { state: 'NoSuchRole' };
  return classifyList(answer);
};

export type SecretIdVerdict = { readonly state: 'Present' } | { readonly state: 'Gone' } | Unknown;

/** The answer to `secret-id-accessor/lookup`: gone is a 404 with `data.error` and no errors, or a role that is gone (500). */
export const classifySecretId = (answer: VaultAnswer, accessor: string): SecretIdVerdict => {
  if (secretIdIsGone(answer)) return { state: 'Gone' };
  return answer.status === 200 && textOf(dataOf(answer.body), 'secret_id_accessor') === accessor ? { state: 'Present' } : unknown(answer);
};

/** The answer to `secret-id-accessor/destroy`: a second time is a 500. */
export const classifySecretIdDestroy = (answer: VaultAnswer): EndVerdict => {
  if (answer.status === 204) return { state: 'Accepted' };
  return secretIdIsGone(answer) ? { state: 'NothingThere' } : unknown(answer);
};

const noAccessorEntry = 'failed to find accessor entry for secret_id_accessor';

const roleIsGone = (answer: VaultAnswer): boolean => (errorsOf(answer.body) ?? []).some((error) => /role "[^"]*" does not exist/.test(error));

const secretIdIsGone = (answer: VaultAnswer): boolean => {
  if (answer.status === 404) return (textOf(dataOf(answer.body), 'error') ?? '').includes(noAccessorEntry);
  return answer.status === 500 && (says(answer, noAccessorEntry) || roleIsGone(answer));
};

export type CertificateVerdict =
  | { readonly state: 'Valid'; readonly pem: string }
  | { readonly state: 'Revoked'; readonly pem: string }
  /** Nothing is stored under that serial: it never existed, was tidied away, or its role stores none. */
  | { readonly state: 'NotStored' }
  | Unknown;

/** The answer to `cert/<serial>`. */
export const classifyCertificate = (answer: VaultAnswer): CertificateVerdict => {
  if (isEmpty404(answer)) return { state: 'NotStored' };
  const data = dataOf(answer.body);
  const [pem, revokedAt] = [textOf(data, 'certificate'), numberOf(data, 'revocation_time')];
  if (answer.status !== 200 || pem === undefined || revokedAt === undefined) return unknown(answer);
  return { state: revokedAt > 0 ? 'Revoked' : 'Valid', pem };
};

/** The answer to a PKI `revoke` by serial. */
export const classifyCertificateRevoke = (answer: VaultAnswer): EndVerdict => {
  if (answer.status === 200 && (numberOf(dataOf(answer.body), 'revocation_time') ?? 0) > 0) return { state: 'Accepted' };
  // One that has expired is left as it is, with a success.
  const expired = answer.status === 200 && (textsOf(answer.body, 'warnings') ?? []).some((warning) => warning.includes('already expired'));
  const unheardOf = answer.status === 400 && /certificate with serial \S+ not found/.test(wordsOf(answer.body));
  return expired || unheardOf ? { state: 'NothingThere' } : unknown(answer);
};

// ---- failures --------------------------------------------------------------------------------------------------

/** An answer on one line, without secrets. */
export const describeAnswer = ({ status, body }: VaultAnswer): string => {
  const words = wordsOf(body);
  return redactText(`Vault answered ${String(status)}${words === '' ? '' : `: ${words}`}`);
};

/** What an answer that proves nothing means for the one who needed it. `doing` is such as `listing leases under x`. */
export const failureOf = (answer: VaultAnswer, doing: string): OutcomeError => {
  const message = redactText(`${doing}: ${describeAnswer(answer)}`, 900);
  switch (answer.status) {
    case 400:
      return needsPerson('Rejected', message);
    case 403:
      // Our own token that has ended is refused in fewer words than a missing permission; a new login may be all it takes.
      return says(answer, '1 error occurred') ? needsPerson(reasons.permissionMissing, `${message}${lacked(answer)}`) : retryable('Unauthorized', message);
    case 404:
      return errorsOf(answer.body) === undefined ? retryable('Garbage', message) : needsPerson('NoSuchPath', message);
    case 429:
      return retryable('TooManyRequests', message);
    case 503:
      return retryable('Unavailable', message);
    default:
      return retryable(answer.status >= 500 ? 'ServerError' : 'Unexpected', message);
  }
};

const capabilities = { GET: 'read', LIST: 'list', POST: 'update', PUT: 'update', DELETE: 'delete' } as const;

/** The right that would have been needed, as a policy says it; that of a list needs more where Vault guards it. */
const lacked = ({ asked }: VaultAnswer): string =>
  asked === undefined ? '' : `; it takes ${redactText(`path "${asked.path.join('/')}" { capabilities = ["${capabilities[asked.method]}"] }`, 400)} in the operator's policy`;
