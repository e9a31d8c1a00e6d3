/** The question to Google's security token service: a ServiceAccount's token for a federated one. */

/** All that its account may do; what that is, its roles say. */
export const cloudPlatform = 'https://www.googleapis.com/auth/cloud-platform';

/** A form. RFC 8693, as https://docs.cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token has it. */
export const exchangeForm = (subjectToken: string, audience: string): string =>
  new URLSearchParams({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    audience,
    scope: cloudPlatform,
    requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    subject_token: subjectToken,
  }).toString();
