/**
 * Milliseconds for which an API server accepts a token again without asking whether its account is still there
 * (TokenSuccessCacheTTL in pkg/kubeapiserver/options/authentication.go).
 */
export const tokenCache = 10_000;
