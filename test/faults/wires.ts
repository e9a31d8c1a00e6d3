/** How each dependency speaks: its errors, its "there is no such thing", and which requests are about one identity. */
import { fields } from '../fakes/google-cloud/json.ts';
import type { Exchange, OwnAnswer, Rewritten } from '../env/proxy.ts';
import type { Wire } from './obstacle.ts';

const answer = (status: number, body: object): OwnAnswer => ({ status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);

const parsed = (body: string): object => (body === '' ? {} : fields(JSON.parse(body)));

const listIn = (value: object, field: string): readonly unknown[] => {
  const list = (value as Readonly<Record<string, unknown>>)[field];
  return Array.isArray(list) ? list : [];
};

/** What a list holds besides that in which one of these words occurs. */
const without = (list: readonly unknown[], words: readonly string[]): readonly unknown[] => list.filter((item) => !words.some((word) => JSON.stringify(item).includes(word)));

// ---- Kubernetes ------------------------------------------------------------------------------------------------

const reasons: Readonly<Record<number, string>> = {
  400: 'BadRequest', 401: 'Unauthorized', 403: 'Forbidden', 404: 'NotFound', 409: 'Conflict', 429: 'TooManyRequests', 500: 'InternalError', 502: 'BadGateway', 503: 'ServiceUnavailable',
};

const kubernetesStatus = (code: number, details: object, message = 'the fault was injected'): object => ({
  kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason: reasons[code] ?? 'Unknown', details, code,
});

/** As RBAC says it. */
const forbidden = ({ method }: Exchange, { kind = '', name = '' }: Readonly<Record<string, string>>): object => {
  const verb = method === 'GET' ? 'get' : method.toLowerCase();
  const user = 'system:serviceaccount:offboard-system:offboard';
  return kubernetesStatus(403, { name, kind }, `${kind} "${name}" is forbidden: User "${user}" cannot ${verb} resource "${kind}" in API group "" in the namespace "agents"`);
};

/** Answered by the API server as if it were done, and nothing is stored. */
const dryRun = ({ method, path, body }: Exchange): Rewritten =>
  method === 'DELETE'
    ? { send: { path, body: JSON.stringify({ apiVersion: 'v1', kind: 'DeleteOptions', ...parsed(body), dryRun: ['All'] }) } }
    : { send: { path: `${path}${path.includes('?') ? '&' : '?'}dryRun=All`, body } };

/** Objects of one name, in the groups and kinds that the pattern of a path names, and the lists that they are in by these words. */
const kubernetesWire = (named: RegExp, lists = /$^/, words: readonly string[] = []): Wire => {
  const keyOf = ({ path }: Exchange): RegExpExecArray | null => named.exec(path.split('?')[0] ?? '');
  const isList = ({ method, path }: Exchange): boolean => method === 'GET' && !path.includes('watch=') && lists.test(path);
  return {
    concerns: (asked) => keyOf(asked) !== null || isList(asked),
    changes: ({ method }) => method !== 'GET',
    lists: isList,
    refusal: (status, asked) => {
      if (status === 404) return kubernetesStatus(404, { name: 'elsewhere', kind: 'namespaces' });
      return status === 403 ? forbidden(asked, keyOf(asked)?.groups ?? {}) : kubernetesStatus(status, {});
    },
    gone: (asked) => {
      const { kind = '', name = '' } = keyOf(asked)?.groups ?? {};
      const group = /^\/apis\/([^/]+)\//.exec(asked.path)?.[1];
      if (name === '') return undefined;
      return answer(404, kubernetesStatus(404, { name, kind, ...(group === undefined ? {} : { group }) }, `${kind} "${name}" not found`));
    },
    done: dryRun,
    leaveOut: (body, asked) => {
      if (!isList(asked)) return body;
      const list = parsed(body);
      const kept = without(listIn(list, 'items'), words);
      return kept.length === listIn(list, 'items').length ? body : JSON.stringify({ ...list, items: kept });
    },
    keeps: (line) => !/"kind":"(?:Cluster)?RoleBinding"/.test(line) || !words.some((word) => line.includes(word)),
  };
};

/** The account, its Secret and its bindings, which all have its name; and the lists that its bindings are in. */
export const accessWire = (name: string): Wire => {
  const wire = kubernetesWire(
    new RegExp(String.raw`/(?<kind>serviceaccounts|secrets|rolebindings|clusterrolebindings)/(?<name>${escaped(name)}(-token)?)(?:/|$)`),
    /\/(?:cluster)?rolebindings\?/,
    [`"${name}"`],
  );
  const isAccessReview = ({ path, body }: Exchange): boolean => path.includes('/subjectaccessreviews') && body.includes(`:${name}"`);
  return {
    ...wire,
    lie: (asked) => {
      if (isAccessReview(asked)) return answer(201, { ...parsed(asked.body), status: { allowed: false } });
      if (!wire.concerns(asked)) return undefined;
      return (wire.changes(asked) ? wire.done : wire.gone)(asked);
    },
  };
};

/** What Offboard itself stores of it. */
export const runWire = (name: string): Wire =>
  kubernetesWire(new RegExp(String.raw`^/apis/offboard\.dev/v1alpha1/namespaces/[^/]+/(?<kind>offboardings|workloadidentities)/(?<name>${escaped(name)})(?:/|$)`));

/** Whatever the name of what is written: that it is about this identity is told by the body. */
const withBody = (wire: Wire, isAbout: (body: string) => boolean): Wire => ({ ...wire, concerns: (asked) => wire.concerns(asked) && isAbout(asked.body) });

/** The writes of the lock that name it; they name everybody of its namespace who is locked. */
export const lockWire = (name: string): Wire => withBody(kubernetesWire(/\/(?<kind>configmaps)\/(?<name>offboard-lock)$/), (body) => body.includes(String.raw`\n${name}\n`));

export const recordWire = (name: string): Wire => withBody(kubernetesWire(/\/(?<kind>offboardingrecords)(?<name>)$/), (body) => body.includes(`"${name}"`));

const userIn = (token: string): unknown => (token === '' ? undefined : (parsed(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as { readonly sub?: unknown }).sub);

/** What the API server is asked about tokens of that ServiceAccount. */
export const reviewWire = (namespace: string, name: string): Wire => ({
  ...withBody(kubernetesWire(/\/(?<kind>tokenreviews)(?<name>)$/), (body) => {
    const { token = '' } = ((parsed(body) as { readonly spec?: object }).spec ?? {}) as { readonly token?: string };
    return userIn(token) === `system:serviceaccount:${namespace}:${name}`;
  }),
  done: ({ body }) => answer(201, { ...parsed(body), status: { user: {}, error: `serviceaccounts "${name}" not found` } }),
});

// ---- Vault -----------------------------------------------------------------------------------------------------

const vaultPath = ({ path }: Exchange): string => path.split('?')[0]?.replace(/^\/v1\//, '') ?? '';

const isVaultList = ({ path }: Exchange): boolean => path.includes('list=true');

const vaultErrors = (status: number, ...errors: readonly string[]): OwnAnswer => answer(status, { errors });

const vaultDone: OwnAnswer = { status: 204 };

const isVaultChange = (asked: Exchange): boolean => asked.method === 'DELETE' || (/\/revoke(?:-|$)|^identity\/entity\/id\//.test(vaultPath(asked)) && asked.method !== 'GET');

const vaultGone = (asked: Exchange): OwnAnswer | undefined => {
  const path = vaultPath(asked);
  if (path === 'sys/leases/lookup') return vaultErrors(400, 'invalid lease');
  if (path === 'auth/token/lookup-accessor') return vaultErrors(403, 'invalid accessor');
  if (path === 'auth/token/revoke-accessor') return vaultErrors(400, 'invalid accessor');
  if (path === 'identity/lookup/entity' || path === 'sys/leases/revoke' || asked.method === 'DELETE') return { status: 204 };
  return isVaultList(asked) || /\/role\//.test(path) ? vaultErrors(404) : undefined;
};

/** All that comes by one Connector, which is this identity's alone. `words` are what its tokens and leases are known by. */
export const vaultWire = (words: readonly string[]): Wire => ({
  concerns: () => true,
  changes: isVaultChange,
  // Of what is known by these words; all else is true.
  lie: (asked) => {
    if (isVaultList(asked) || !words.some((word) => `${asked.path}${asked.body}`.includes(word))) return undefined;
    return isVaultChange(asked) ? vaultDone : vaultGone(asked);
  },
  lists: isVaultList,
  refusal: (status) => ({ errors: status === 404 ? [] : [status === 403 ? '1 error occurred:\n\t* permission denied\n\n' : 'the fault was injected'] }),
  gone: vaultGone,
  done: () => vaultDone,
  leaveOut: (body, asked) => {
    if (!isVaultList(asked)) return body;
    const { data = {}, ...rest } = parsed(body) as { readonly data?: object };
    const keys = without(listIn(data, 'keys'), words);
    return keys.length === listIn(data, 'keys').length ? body : JSON.stringify({ ...rest, data: { ...data, keys } });
  },
});

// ---- Google Cloud ----------------------------------------------------------------------------------------------

const statuses: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT', 401: 'UNAUTHENTICATED', 403: 'PERMISSION_DENIED', 404: 'NOT_FOUND', 409: 'ABORTED', 429: 'RESOURCE_EXHAUSTED', 500: 'INTERNAL', 502: 'UNAVAILABLE', 503: 'UNAVAILABLE',
};

const googleError = (code: number, message: string): object => ({ error: { code, message, status: statuses[code] ?? 'UNKNOWN' } });

const isGoogleList = ({ path }: Exchange): boolean => /:getIamPolicy|\/iam\?|\/keys\?/.test(path);

const isGoogleLogin = ({ path }: Exchange): boolean => /^\/v1\/token$|:generateAccessToken$/.test(path);

/** All that comes by one Connector, which is this identity's alone. */
export const googleWire = (words: readonly string[]): Wire => ({
  concerns: () => true,
  changes: ({ method, path }) => method === 'DELETE' || method === 'PUT' || method === 'PATCH' || /:(?:setIamPolicy|disable|undelete)$/.test(path),
  lists: isGoogleList,
  refusal: (status) => googleError(status, status === 404 ? 'Method not found.' : 'the fault was injected'),
  gone: (asked) => {
    if (isGoogleLogin(asked) || asked.path.includes('testPermissions') || asked.path.includes(':testIamPermissions')) return undefined;
    if (asked.path.startsWith('/storage/v1/b/')) return answer(404, googleError(404, 'The specified bucket does not exist.'));
    return /\/serviceAccounts\//.test(asked.path) ? answer(404, googleError(404, 'Unknown service account')) : undefined;
  },
  done: ({ method, path, body }) => {
    if (method === 'PUT') return { status: 200, headers: { 'content-type': 'application/json' }, body };
    return answer(200, path.endsWith(':setIamPolicy') ? fields((parsed(body) as { readonly policy?: unknown }).policy) : {});
  },
  leaveOut: (body, asked) => {
    if (!isGoogleList(asked)) return body;
    const whole = parsed(body);
    const field = asked.path.includes('/keys?') ? 'keys' : 'bindings';
    const kept = without(listIn(whole, field), words);
    return kept.length === listIn(whole, field).length ? body : JSON.stringify({ ...whole, [field]: kept });
  },
});
