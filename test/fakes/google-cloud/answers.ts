/** Answers as Google words them: see the README of this folder for where each was seen. */
export interface Answer {
  readonly status: number;
  /** Nothing for an empty answer; a string is sent as it stands. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** What the call changes. Done just before the answer goes out, unless a fault says that nothing happens. */
  readonly commit?: () => void;
  /** The resource whose policy this read or wrote, for the counters. */
  readonly policyOf?: string;
}

export const ok = (body: unknown, commit?: () => void): Answer => ({ status: 200, body, ...(commit ? { commit } : {}) });

export const failure = (code: number, status: string, message: string, details?: readonly object[]): Answer => ({
  status: code,
  body: { error: { code, message, status, ...(details ? { details } : {}) } },
});

export const notFound = (message: string): Answer => ({
  status: 404,
  body: { error: { code: 404, message, status: 'NOT_FOUND', errors: [{ domain: 'global', message, reason: 'notFound' }] } },
});

export const invalid = (message: string): Answer => failure(400, 'INVALID_ARGUMENT', message);

export const aborted = (): Answer => failure(409, 'ABORTED', 'There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff.');

/** The same for what does not exist. IAM itself does not name the resource, the other services do. */
export const denied = (permission: string, resource: string): Answer => {
  const service = /^\/\/([^/]+)\//.exec(resource)?.[1] ?? 'cloudresourcemanager.googleapis.com';
  const name = resource.replace(/^\/\/[^/]+\//, '');
  const ofIam = permission.startsWith('iam.');
  return failure(403, 'PERMISSION_DENIED', `Permission '${permission}' denied on resource${ofIam ? '' : ` '//${service}/${name}'`} (or it may not exist).`, [
    { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'IAM_PERMISSION_DENIED', domain: ofIam ? 'iam.googleapis.com' : service, metadata: { permission, ...(ofIam ? {} : { resource: name }) } },
  ]);
};

/** Of a quota project that the caller may not use. */
export const quotaProjectDenied = (project: string): Answer =>
  failure(
    403,
    'PERMISSION_DENIED',
    `Caller does not have required permission to use project ${project}. Grant the caller the roles/serviceusage.serviceUsageConsumer role, or a custom role with the serviceusage.services.use permission.`,
    [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'USER_PROJECT_DENIED', domain: 'googleapis.com', metadata: { consumer: `projects/${project}` } }],
  );

export const unauthenticated = (reason: 'ACCESS_TOKEN_EXPIRED' | 'ACCESS_TOKEN_TYPE_UNSUPPORTED' | 'ACCOUNT_STATE_INVALID' | 'CREDENTIALS_MISSING'): Answer =>
  failure(
    401,
    'UNAUTHENTICATED',
    'Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.',
    [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason, domain: 'googleapis.com' }],
  );

/** Of the JSON API of Cloud Storage, which has no `status`. */
export const storageFailure = (code: number, reason: string, message: string): Answer => ({
  status: code,
  body: { error: { code, message, errors: [{ message, domain: 'global', reason }] } },
});

/** Of the token endpoints, as RFC 6749 has it. */
export const oauthFailure = (error: string, description: string, status = 400): Answer => ({ status, body: { error, error_description: description } });
