/**
 * Where "gone" is told from "could not tell": what a status and a body of Google Cloud prove. Pure tables, one function for each
 * kind of question; the tests have a line for many an answer that proves nothing.
 *
 * A 403 is never "gone": it is also the answer for a project that does not exist, and for permissions that were taken away. A 404
 * is, where it is Google's own and about the very thing that was asked for by its own name. Whatever is not listed is `Unknown`.
 */
import { reasons } from '../../api/v1alpha1/conditions.ts';
import { needsPerson, type OutcomeError, retryable } from '../../runtime/outcome.ts';
import { redactText } from '../../runtime/redact.ts';
import { fieldOf, numberOf, textOf, textsOf } from '../fields.ts';
import { describeAnswer } from './answers.ts';
import type { GoogleAnswer } from './api.ts';
import { type Policy, readPolicy } from './policies.ts';
import type { Resource } from './resources.ts';

export interface Unknown {
  readonly state: 'Unknown';
  readonly message: string;
}

const unknown = (answer: GoogleAnswer, what?: string): Unknown => ({ state: 'Unknown', message: what === undefined ? describeAnswer(answer) : `${what}: ${describeAnswer(answer)}` });

/** A body that may hold nothing, where nothing was to be told. */
const isPlain = (body: unknown): boolean => typeof body === 'object' && body !== null && !Array.isArray(body) && !Object.hasOwn(body, 'error');

const errorOf = ({ body }: GoogleAnswer): unknown => fieldOf(body, 'error');

const wordsOf = (answer: GoogleAnswer): string => textOf(errorOf(answer), 'message') ?? '';

/** Google's own "not found", in words about the thing that was asked for. */
const isGone = (answer: GoogleAnswer, about: RegExp): boolean => {
  const error = errorOf(answer);
  const isGoogles = numberOf(error, 'code') === 404 && (textOf(error, 'status') ?? 'NOT_FOUND') === 'NOT_FOUND';
  return answer.status === 404 && isGoogles && about.test(wordsOf(answer));
};

// ---- policies --------------------------------------------------------------------------------------------------

export type PolicyVerdict =
  | { readonly state: 'Policy'; readonly policy: Policy }
  /** The resource is not there, so that nobody has a role on it. */
  | { readonly state: 'NoResource' }
  | Unknown;

/** The answer to `getIamPolicy`. */
export const classifyPolicy = (answer: GoogleAnswer, { name, form, account }: Resource): PolicyVerdict => {
  if (isGone(answer, namesIt(name, form)) || (account !== undefined && isGone(answer, aboutAccount))) return { state: 'NoResource' };
  if (answer.status !== 200) return unknown(answer);
  const policy = readPolicy(answer.body);
  return policy === undefined ? unknown(answer, 'no whole policy of version 3 with an etag') : { state: 'Policy', policy };
};

const aboutAccount = /\bservice account\b/i;

/** Nothing but the words tells a resource that is not there from a method that is not: they must have its name, but for buckets. */
const namesIt = (name: string, form: Resource['form']): RegExp => {
  const last = name.slice(name.lastIndexOf('/') + 1).replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  const words = String.raw`(?<![-\w.])${last}(?![-\w])`;
  return new RegExp(form === 'Bucket' ? `bucket does not exist|${words}` : words);
};

export type SetVerdict = { readonly state: 'Accepted' } | { readonly state: 'Conflict' } | Unknown;

/** The answer to `setIamPolicy`, which proves nothing about the policy. */
export const classifySet = (answer: GoogleAnswer): SetVerdict => {
  if (answer.status === 200 && readPolicy(answer.body) !== undefined) return { state: 'Accepted' };
  return isConflict(answer) ? { state: 'Conflict' } : unknown(answer);
};

/** Somebody else was faster: by the etag in the body, or by a precondition, as each API has it. */
const isConflict = ({ status }: GoogleAnswer): boolean => status === 409 || status === 412;

/** The answer to `testIamPermissions`: those of the asked ones that we have. */
export const classifyTested = (answer: GoogleAnswer): { readonly state: 'Held'; readonly permissions: readonly string[] } | Unknown => {
  const held = fieldOf(answer.body, 'permissions') === undefined ? [] : textsOf(answer.body, 'permissions');
  return answer.status === 200 && isPlain(answer.body) && held !== undefined ? { state: 'Held', permissions: held } : unknown(answer);
};

// ---- service accounts ------------------------------------------------------------------------------------------

export interface Account {
  readonly email: string;
  readonly uniqueId: string;
  readonly disabled: boolean;
  readonly description: string;
  readonly etag: string;
}

export type AccountVerdict = { readonly state: 'Present'; readonly account: Account } | { readonly state: 'Gone' } | Unknown;

/** The answer to a GET of a service account under its project, by its e-mail or its unique id. */
export const classifyAccount = (answer: GoogleAnswer, asked: { readonly email: string } | { readonly uniqueId: string }): AccountVerdict => {
  if (isGone(answer, aboutAccount)) return { state: 'Gone' };
  const account = answer.status === 200 ? readAccount(answer.body) : undefined;
  const isIt = account !== undefined && ('email' in asked ? account.email === asked.email : account.uniqueId === asked.uniqueId);
  return isIt ? { state: 'Present', account } : unknown(answer);
};

const readAccount = (body: unknown): Account | undefined => {
  const [email, uniqueId, etag = '', description = ''] = [textOf(body, 'email'), textOf(body, 'uniqueId'), textOf(body, 'etag'), textOf(body, 'description')];
  const disabled = fieldOf(body, 'disabled') ?? false;
  if (email === undefined || uniqueId === undefined || !/^\d+$/.test(uniqueId) || typeof disabled !== 'boolean') return undefined;
  return { email: email.toLowerCase(), uniqueId, disabled, description, etag };
};

export type EndVerdict = { readonly state: 'Accepted' } | { readonly state: 'NothingThere' } | Unknown;

/** The answer to `:disable`, `:enable`, a PATCH or a DELETE of an account, or a DELETE of a key of one. */
export const classifyEnd = (answer: GoogleAnswer): EndVerdict => {
  if (answer.status === 200 && isPlain(answer.body)) return { state: 'Accepted' };
  return isGone(answer, aboutAccount) ? { state: 'NothingThere' } : unknown(answer);
};

export type ListVerdict<Item> = { readonly state: 'Listed'; readonly items: readonly Item[]; readonly next?: string } | Unknown;

const listOf = <Item>(answer: GoogleAnswer, field: string, read: (value: unknown) => Item | undefined): ListVerdict<Item> => {
  const listed = fieldOf(answer.body, field) ?? [];
  if (answer.status !== 200 || !isPlain(answer.body) || !Array.isArray(listed)) return unknown(answer);
  const items = listed.map(read);
  if (!items.every((item) => item !== undefined)) return unknown(answer, `an entry of ${field} is none`);
  const next = textOf(answer.body, 'nextPageToken') ?? '';
  return { state: 'Listed', items, ...(next !== '' && { next }) };
};

export interface Key {
  readonly id: string;
  /** When it ends by itself, as Google tells it. */
  readonly validBefore: string;
}

/** The answer to a list of keys. */
export const classifyKeys = (answer: GoogleAnswer): ListVerdict<Key> =>
  listOf(answer, 'keys', (value) => {
    const id = /^projects\/[^/]+\/serviceAccounts\/[^/]+\/keys\/([A-Za-z0-9]+)$/.exec(textOf(value, 'name') ?? '')?.[1];
    // Others are Google's own, which nobody can take out or delete.
    return id === undefined || textOf(value, 'keyType') === 'SYSTEM_MANAGED' ? undefined : { id, validBefore: textOf(value, 'validBeforeTime') ?? '' };
  });

/** The answer to a GET of one key. */
export const classifyKey = (answer: GoogleAnswer, key: string): { readonly state: 'Present' } | { readonly state: 'Gone' } | Unknown => {
  if (isGone(answer, aboutAccount)) return { state: 'Gone' };
  return answer.status === 200 && (textOf(answer.body, 'name') ?? '').endsWith(`/keys/${key}`) ? { state: 'Present' } : unknown(answer);
};

// ---- HMAC keys -------------------------------------------------------------------------------------------------

export interface HmacKey {
  readonly accessId: string;
  readonly email: string;
  readonly active: boolean;
  readonly etag: string;
}

const readHmacKey = (value: unknown): (HmacKey & { readonly state: string }) | undefined => {
  const [accessId, email, state, etag = ''] = [textOf(value, 'accessId'), textOf(value, 'serviceAccountEmail'), textOf(value, 'state'), textOf(value, 'etag')];
  if (accessId === undefined || !/^[A-Za-z0-9]+$/.test(accessId) || email === undefined || state === undefined) return undefined;
  return { accessId, email: email.toLowerCase(), active: state === 'ACTIVE', etag, state };
};

/** The answer to a list of a project's HMAC keys. */
export const classifyHmacKeys = (answer: GoogleAnswer): ListVerdict<HmacKey & { readonly state: string }> => listOf(answer, 'items', readHmacKey);

export type HmacVerdict = { readonly state: 'Present'; readonly key: HmacKey } | { readonly state: 'Gone' } | Unknown;

/** The answer to a GET or PUT of one HMAC key, which stays to be seen for a while after its deletion. */
export const classifyHmacKey = (answer: GoogleAnswer, accessId: string): HmacVerdict => {
  if (isGone(answer, /\b(?:access id|hmac key)\b/i)) return { state: 'Gone' };
  const key = answer.status === 200 ? readHmacKey(answer.body) : undefined;
  if (key?.accessId !== accessId) return unknown(answer);
  return key.state === 'DELETED' ? { state: 'Gone' } : { state: 'Present', key };
};

/** The answer to a DELETE of one. */
export const classifyHmacDelete = (answer: GoogleAnswer): EndVerdict => {
  if (answer.status === 204) return { state: 'Accepted' };
  return isGone(answer, /\b(?:access id|hmac key)\b/i) ? { state: 'NothingThere' } : unknown(answer);
};

// ---- projects and searches -------------------------------------------------------------------------------------

/** The answer to a GET of a project by its number: its id. */
export const classifyProject = (answer: GoogleAnswer, number: string): { readonly state: 'Project'; readonly id: string } | Unknown => {
  const id = textOf(answer.body, 'projectId');
  const isIt = answer.status === 200 && textOf(answer.body, 'name') === `projects/${number}`;
  return isIt && id !== undefined && /^[a-z][-a-z0-9.:]*$/.test(id) ? { state: 'Project', id } : unknown(answer);
};

/** A page of the answer to `searchAllIamPolicies`: full names of resources. */
export const classifyPolicySearch = (answer: GoogleAnswer): ListVerdict<string> =>
  listOf(answer, 'results', (value) => textOf(value, 'resource'));

/** A page of the answer to `searchAllResources`. */
export const classifyResourceSearch = (answer: GoogleAnswer): ListVerdict<{ readonly name: string; readonly assetType: string }> =>
  listOf(answer, 'results', (value) => {
    const [name, assetType] = [textOf(value, 'name'), textOf(value, 'assetType')];
    return name === undefined || assetType === undefined ? undefined : { name, assetType };
  });

// ---- failures --------------------------------------------------------------------------------------------------

export interface Question {
  /** Such as `reading the policy of projects/acme`. */
  readonly doing: string;
  /** What it takes. */
  readonly permission: string;
  /** On what. */
  readonly on: string;
}

/** What an answer that proves nothing means for the one who needed it. */
export const failureOf = (answer: GoogleAnswer, { doing, permission, on }: Question, what?: string): OutcomeError => {
  const message = redactText(`${doing}: ${what ?? describeAnswer(answer)}`, 900);
  switch (answer.status) {
    case 400:
      return needsPerson('Rejected', message);
    case 401:
      return retryable('Unauthorized', message);
    case 403:
      return forbidden(answer, message, { permission, on });
    case 404:
      return errorOf(answer) === undefined ? retryable('Garbage', message) : needsPerson('NoSuchResource', message);
    case 409:
    case 412:
      return retryable('Conflict', message);
    case 429:
      return retryable('TooManyRequests', message);
    case 503:
      return retryable('Unavailable', message);
    default:
      return retryable(answer.status >= 500 ? 'ServerError' : 'Unexpected', message);
  }
};

const forbidden = (answer: GoogleAnswer, message: string, needed: Pick<Question, 'permission' | 'on'>): OutcomeError => {
  const { reason, metadata } = errorInfo(answer);
  // Some services tell an exhausted quota by 403.
  if (/rate_?limit|quota/i.test(reason)) return retryable('TooManyRequests', message);
  if (reason === 'SERVICE_DISABLED' || reason === 'accessNotConfigured') return needsPerson('ServiceDisabled', `${message}; an API must be enabled: gcloud services enable ${redactText(textOf(metadata, 'service') ?? 'SERVICE', 100)}`);
  const permission = redactText(textOf(metadata, 'permission') ?? needed.permission, 120);
  return needsPerson(reasons.permissionMissing, `${message}; it takes ${permission} on ${redactText(needed.on, 400)}, or there is no such project`);
};

/** Why, as the newer APIs say it in `details` and the older ones in `errors`. */
const errorInfo = (answer: GoogleAnswer): { readonly reason: string; readonly metadata: unknown } => {
  const list = (key: string): readonly unknown[] => {
    const found = fieldOf(errorOf(answer), key);
    return Array.isArray(found) ? found : [];
  };
  const info = list('details').find((detail) => textOf(detail, 'reason') !== undefined);
  return { reason: textOf(info, 'reason') ?? textOf(list('errors')[0], 'reason') ?? '', metadata: fieldOf(info, 'metadata') };
};
