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

export const denied = (permission: string, resource: string): Answer =>
  failure(403, 'PERMISSION_DENIED', `Permission '${permission}' denied on resource (or it may not exist).`, [
    { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'IAM_PERMISSION_DENIED', domain: 'iam.googleapis.com', metadata: { permission, resource } },
  ]);

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
