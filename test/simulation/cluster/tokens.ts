/**
 * Tokens of ServiceAccounts, and what each API server thinks of them: whether one works is a question to the store, but for the ten
 * seconds for which a server takes from memory what it took once.
 */
import type { KubeObject } from '../../../src/kube/objects.ts';
import { pods, secrets, serviceAccounts } from '../../../src/kube/resources.ts';
import { kindFor } from './kinds.ts';
import type { Entry, Store } from './store.ts';

export const apiAudience = 'https://kubernetes.default.svc.cluster.local';
export const accountAnnotation = 'kubernetes.io/service-account.name';
export const accountUidAnnotation = 'kubernetes.io/service-account.uid';
export const tokenSecretType = 'kubernetes.io/service-account-token';

export interface AccountKey {
  readonly namespace: string;
  readonly name: string;
}

export interface Bound {
  readonly kind: 'Secret' | 'Pod';
  readonly name: string;
  readonly uid: string;
}

/** A token that was made. */
export interface Token extends AccountKey {
  readonly text: string;
  readonly uid: string;
  readonly audiences: readonly string[];
  /** The Secret that holds it, where it is one without an end. */
  readonly legacy: string | undefined;
  readonly bound: Bound | undefined;
  /** Milliseconds of the universe. */
  readonly madeAt: number;
  readonly expiresAt: number;
  /** The same as objects have it; undefined where it has no end. */
  readonly expiry: string | undefined;
}

export interface Tokens {
  readonly issue: (account: Entry, options: { readonly audiences?: readonly string[] | undefined; readonly bound?: Bound | undefined; readonly seconds: number }) => Token;
  /** Without an end, for a Secret that holds it. */
  readonly issueLegacy: (account: Entry, secret: string) => Token;
  readonly find: (text: string) => Token | undefined;
  readonly all: () => readonly Token[];
  /** Why the store says no to it, in the API server's words; undefined where it says yes. */
  readonly whyDead: (token: Token) => string | undefined;
}

interface TokensOptions {
  readonly store: Store;
  readonly now: () => number;
  readonly epoch: number;
}

/** For so long an account that is being deleted is taken for alive. */
const leeway = 60_000;
/** In which a token without an end is still counted as one. */
const never = Number.POSITIVE_INFINITY;

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const header = encode({ alg: 'RS256', kid: 'simulated' });
const signature = 'c2ltdWxhdGVk';

interface Secret extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export const createTokens = ({ store, now, epoch }: TokensOptions): Tokens => {
  const known = new Map<string, Token>();
  const accounts = kindFor(serviceAccounts);
  const boundKinds = { Secret: kindFor(secrets), Pod: kindFor(pods) } as const;
  const seconds = (at: number): number => Math.floor((epoch + at) / 1000);

  const keep = (token: Omit<Token, 'text' | 'expiry'>, claims: object): Token => {
    const text = `${header}.${encode(claims)}.${signature}`;
    const { expiresAt } = token;
    const expiry = expiresAt === never ? undefined : `${new Date(epoch + expiresAt).toISOString().slice(0, 19)}Z`;
    const kept = { ...token, text, expiry };
    known.set(text, kept);
    return kept;
  };

  const isOver = (deletedAt: string | undefined): boolean => deletedAt !== undefined && Date.parse(deletedAt) + leeway <= epoch + now();

  const whyLegacyDead = ({ namespace, name, uid, text }: Token, secret: string): string | undefined => {
    const found = store.find(boundKinds.Secret, namespace, secret)?.object as Secret | undefined;
    if (found === undefined) return 'Token has been invalidated';
    if (Buffer.from(found.data?.['token'] ?? '', 'base64').toString() !== text) return 'Token does not match server\'s copy';
    if (found.metadata.deletionTimestamp !== undefined) return 'Token has been invalidated';
    const account = store.find(accounts, namespace, name)?.object;
    if (account === undefined) return `serviceaccounts "${name}" not found`;
    if (account.metadata.deletionTimestamp !== undefined) return `ServiceAccount ${namespace}/${name} has been deleted`;
    if (account.metadata.uid !== uid) return `ServiceAccount UID (${account.metadata.uid}) does not match claim (${uid})`;
    return (found.metadata.labels?.['kubernetes.io/legacy-token-invalid-since'] ?? '') === '' ? undefined : 'the token in secret has been marked invalid';
  };
  const whyBoundDead = ({ namespace, bound }: Token): string | undefined => {
    if (bound === undefined) return undefined;
    const found = store.find(boundKinds[bound.kind], namespace, bound.name)?.object;
    if (found === undefined || isOver(found.metadata.deletionTimestamp)) return 'service account token has been invalidated';
    if (found.metadata.uid === bound.uid) return undefined;
    const what = bound.kind === 'Secret' ? 'secret' : 'pod';
    return `${what} UID (${found.metadata.uid}) does not match service account ${what} ref claim (${bound.uid})`;
  };

  return {
    issue: (account, { audiences = [apiAudience], bound, seconds: lasts }) => {
      const { namespace = '', name, object: { metadata: { uid } } } = account;
      const [madeAt, expiresAt] = [now(), now() + lasts * 1000];
      const ref = bound === undefined ? {} : { [bound.kind.toLowerCase()]: { name: bound.name, uid: bound.uid } };
      return keep({ namespace, name, uid, audiences, legacy: undefined, bound, madeAt, expiresAt }, {
        aud: audiences, exp: seconds(expiresAt), iat: seconds(madeAt), iss: apiAudience, jti: store.uid(),
        'kubernetes.io': { namespace, serviceaccount: { name, uid }, ...ref }, nbf: seconds(madeAt), sub: `system:serviceaccount:${namespace}:${name}`,
      });
    },
    issueLegacy: (account, secret) => {
      const { namespace = '', name, object: { metadata: { uid } } } = account;
      return keep({ namespace, name, uid, audiences: [apiAudience], legacy: secret, bound: undefined, madeAt: now(), expiresAt: never }, {
        iss: 'kubernetes/serviceaccount', jti: store.uid(), 'kubernetes.io/serviceaccount/namespace': namespace, 'kubernetes.io/serviceaccount/secret.name': secret,
        'kubernetes.io/serviceaccount/service-account.name': name, 'kubernetes.io/serviceaccount/service-account.uid': uid, sub: `system:serviceaccount:${namespace}:${name}`,
      });
    },
    find: (text) => known.get(text),
    all: () => [...known.values()],
    // For the time first, then for the account by its UID, and for what it is bound to last.
    whyDead: (token) => {
      if (token.legacy !== undefined) return whyLegacyDead(token, token.legacy);
      if (now() >= token.expiresAt) return 'service account token has expired';
      const account = store.find(accounts, token.namespace, token.name)?.object;
      if (account === undefined) return `serviceaccounts "${token.name}" not found`;
      const { uid, deletionTimestamp } = account.metadata;
      if (uid !== token.uid) return `service account UID (${uid}) does not match claim (${token.uid})`;
      return isOver(deletionTimestamp) ? `service account ${token.namespace}/${token.name} has been deleted` : whyBoundDead(token);
    },
  };
};

/** What one server says of a token. */
export interface Verdict {
  /** Why it is refused; undefined when it is taken. */
  readonly why: string | undefined;
  readonly token: Token | undefined;
  /** Those that were asked for and that it is for. */
  readonly audiences: readonly string[];
}

/** The memory of one API server. */
export interface Authenticator {
  /** As a request does it: what is taken is remembered. */
  readonly take: (text: string, audiences?: readonly string[]) => Verdict;
  /** The same, without a trace. */
  readonly wouldTake: (text: string, audiences?: readonly string[]) => Verdict;
  readonly forget: () => void;
}

/** Milliseconds from the first time that it was taken, for each list of audiences. */
const remembersFor = 10_000;

export const createAuthenticator = (tokens: Tokens, now: () => number): Authenticator => {
  /** By token and then by audiences: a key of both would be a long new text, and searched, for each question. */
  const cache = new Map<Token, Map<string, number>>();
  const judge = (text: string, asked: readonly string[], remember: boolean): Verdict => {
    const token = tokens.find(text);
    if (token === undefined) return { why: 'invalid bearer token', token, audiences: [] };
    const key = asked.join(' ');
    const audiences = token.audiences.filter((each) => asked.includes(each));
    if ((cache.get(token)?.get(key) ?? -1) > now()) return { why: undefined, token, audiences };
    const quoted = (list: readonly string[]): string => `[${list.map((each) => JSON.stringify(each)).join(' ')}]`;
    const why = audiences.length === 0 ? `token audiences ${quoted(token.audiences)} is invalid for the target audiences ${quoted(asked)}` : tokens.whyDead(token);
    if (why === undefined && remember) {
      const known = cache.get(token) ?? new Map<string, number>();
      cache.set(token, known.set(key, now() + remembersFor));
    }
    return { why, token, audiences };
  };
  return {
    take: (text, audiences = [apiAudience]) => judge(text, audiences, true),
    wouldTake: (text, audiences = [apiAudience]) => judge(text, audiences, false),
    forget: () => {
      cache.clear();
    },
  };
};
