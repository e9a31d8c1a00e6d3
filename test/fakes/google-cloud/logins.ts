/** The ways to an access token: the token exchange, impersonation, a key file, the metadata server. */
import { createPublicKey } from 'node:crypto';

import { type Answer, failure, invalid, notFound, oauthFailure, ok } from './answers.ts';
import { type Authorise, refusal } from './authorise.ts';
import { audiences, isCurrent, keyOf, parseJwt } from './identity-tokens.ts';
import { type Fields, fields, list, text } from './json.ts';
import type { Knobs } from './knobs.ts';
import type { Principal } from './members.ts';
import type { Call, Route } from './router.ts';
import { stands, type Tokens } from './tokens.ts';
import { type Account, accountResource, findAccount, type Pool, type World } from './world.ts';

interface Site {
  readonly world: World;
  readonly knobs: Knobs;
  readonly tokens: Tokens;
  readonly authorise: Authorise;
}

const metadata = '/computeMetadata/v1/instance/service-accounts';
const cloudPlatform = 'https://www.googleapis.com/auth/cloud-platform';

export const loginRoutes = (site: Site): readonly Route[] => [
  { service: 'sts', method: 'POST', pattern: '/v1/token', open: true, handle: (call) => exchange(site, call) },
  { service: 'oauth2', method: 'POST', pattern: '/token', open: true, handle: (call) => keyLogin(site, call) },
  { service: 'iamcredentials', method: 'POST', pattern: '/v1/projects/{project}/serviceAccounts/{account}:generateAccessToken', handle: (call, { account = '' }) => impersonate(site, call, account) },
  { service: 'metadata', method: 'GET', pattern: '/', open: true, handle: (call) => ofMetadata(site, call, () => 'computeMetadata/\n') },
  { service: 'metadata', method: 'GET', pattern: '/computeMetadata/v1/instance', open: true, handle: (call) => ofMetadata(site, call, () => 'service-accounts/\n') },
  { service: 'metadata', method: 'GET', pattern: '/computeMetadata/v1/project/project-id', open: true, handle: (call) => ofMetadata(site, call, ({ project }) => project) },
  // With `?recursive=true`, without which it would be a list of names.
  { service: 'metadata', method: 'GET', pattern: `${metadata}/{account}/`, open: true, handle: (call) => ofMetadata(site, call, ({ email }) => ({ aliases: ['default'], email, scopes: [cloudPlatform] })) },
  { service: 'metadata', method: 'GET', pattern: `${metadata}/{account}/email`, open: true, handle: (call) => ofMetadata(site, call, ({ email }) => email) },
  { service: 'metadata', method: 'GET', pattern: `${metadata}/{account}/token`, open: true, handle: (call) => ofMetadata(site, call, (account) => bearer(site, { kind: 'account', uniqueId: account.uniqueId }, 3600)) },
];

const bearer = ({ tokens }: Site, principal: Principal, seconds: number): object => ({ access_token: tokens.mint(principal, seconds).token, expires_in: seconds - 1, token_type: 'Bearer' });

/** RFC 8693. */
const exchange = (site: Site, { body }: Call): Answer => {
  if (text(body['grant_type'] ?? body['grantType']) !== 'urn:ietf:params:oauth:grant-type:token-exchange') return oauthFailure('unsupported_grant_type', 'Unsupported grant type.');
  const pool = [...site.world.pools.values()].find(({ audience }) => audience === text(body['audience']));
  if (pool === undefined) return oauthFailure('invalid_target', 'The target service indicated by the "audience" parameters is invalid. This might either be because the pool or provider is disabled or deleted or because it doesn\'t exist.');
  const principal = subjectOf(pool, text(body['subject_token'] ?? body['subjectToken']), site.world.nature.now());
  if ('refused' in principal) return oauthFailure('invalid_grant', principal.refused);
  const minted = bearer(site, principal, 3600);
  return ok({ ...minted, issued_token_type: 'urn:ietf:params:oauth:token-type:access_token' });
};

const subjectOf = (pool: Pool, token: string, now: number): Principal | { readonly refused: string } => {
  const signed = signedClaims(pool, token);
  if ('refused' in signed) return signed;
  const { claims } = signed;
  if (!audiences(claims).some((audience) => pool.tokenAudiences.includes(audience))) return { refused: `The audience in ID Token ${JSON.stringify(audiences(claims))} does not match the expected audience.` };
  if (!isCurrent(claims, now)) return { refused: 'ID Token is stale to sign-in.' };
  const kubernetes = fields(claims['kubernetes.io']);
  const account = fields(kubernetes['serviceaccount']);
  const attributes = { namespace: text(kubernetes['namespace']), 'kubernetes.serviceaccount.name': text(account['name']), 'kubernetes.serviceaccount.uid': text(account['uid']), 'kubernetes.cluster': pool.issuer };
  const values: Readonly<Record<string, string>> = { namespace: attributes.namespace, name: text(account['name']), uid: text(account['uid']) };
  const subject = pool.subject?.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? '') ?? text(claims['sub']);
  return { kind: 'federated', pool: pool.name, subject, attributes: Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== '')) };
};

const signedClaims = ({ claimsOf, issuer, jwks }: Pool, token: string): { readonly claims: Fields } | { readonly refused: string } => {
  const badSignature = { refused: 'Error code: "invalid_grant". The signature of the ID Token is not valid.' };
  if (claimsOf !== undefined) {
    const claims = claimsOf(token);
    return claims === undefined ? badSignature : { claims };
  }
  const jwt = parseJwt(token);
  if (jwt === undefined) return { refused: 'The subject token is not a JSON Web Token.' };
  const { claims, header } = jwt;
  if (text(claims['iss']) !== issuer) return { refused: `The issuer in ID Token ${text(claims['iss'])} does not match the expected ones: ${issuer}` };
  const key = keyOf(jwks, text(header['kid']));
  return key === undefined || !jwt.signedBy(key) ? badSignature : { claims };
};

/** What it is called wherever it is asked. `gcloud` takes the address in the file instead, which leads here. */
const tokenAddress = 'https://oauth2.googleapis.com/token';

/** By a token that the holder of a key signs: RFC 7523. */
const keyLogin = (site: Site, { body }: Call): Answer => {
  const { world, knobs } = site;
  if (text(body['grant_type']) !== 'urn:ietf:params:oauth:grant-type:jwt-bearer') return oauthFailure('unsupported_grant_type', 'Invalid grant_type.');
  const jwt = parseJwt(text(body['assertion']));
  if (jwt === undefined) return oauthFailure('invalid_grant', 'Bad Request');
  const account = findAccountOf(world, knobs, text(jwt.claims['iss']));
  if (account === undefined) return oauthFailure('invalid_grant', 'Invalid grant: account not found');
  const key = world.keys.get(text(jwt.header['kid']))?.within(knobs.settings.propagation).find(({ disabled, deleted }) => !disabled && !deleted);
  if (key?.type !== 'USER_MANAGED' || key.account !== account.uniqueId || !jwt.signedBy(createPublicKey(key.publicKey))) return oauthFailure('invalid_grant', 'Invalid JWT Signature.');
  if (!isCurrent(jwt.claims, world.nature.now()) || !audiences(jwt.claims).some((audience) => [`${world.url}/token`, tokenAddress].includes(audience))) return oauthFailure('invalid_grant', 'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.');
  const principal: Principal = { kind: 'account', uniqueId: account.uniqueId };
  return stands(world, principal, knobs.settings.propagation) ? ok(bearer(site, principal, 3600)) : oauthFailure('invalid_grant', 'Account has been disabled');
};

const findAccountOf = (world: World, knobs: Knobs, email: string): Account | undefined => findAccount(world, email) ?? findAccount(world, email, knobs.settings.propagation);

const impersonate = (site: Site, call: Call, emailOrId: string): Answer => {
  const { world, knobs, authorise } = site;
  const account = findAccountOf(world, knobs, emailOrId);
  if (account === undefined) return notFound(`Not found; Gaia id not found for email ${emailOrId}`);
  const refused = refusal(authorise, { caller: call.caller, permission: 'iam.serviceAccounts.getAccessToken', resource: accountResource(account), conditionName: `projects/-/serviceAccounts/${account.uniqueId}` });
  if (refused !== undefined) return refused;
  const principal: Principal = { kind: 'account', uniqueId: account.uniqueId };
  if (!stands(world, principal, knobs.settings.propagation)) return failure(400, 'FAILED_PRECONDITION', 'Service account is disabled.');
  if (list(call.body['scope']).length === 0) return invalid('Request must include a scope.');
  const seconds = lifetime(call.body);
  if (seconds > world.longestLifetime || seconds <= 0) return invalid(`The access token lifetime cannot exceed ${world.longestLifetime} seconds.`);
  const minted = site.tokens.mint(principal, seconds);
  return ok({ accessToken: minted.token, expireTime: minted.expires.toISOString().replace(/\.\d+Z$/, 'Z') });
};

/** In seconds: `300s`, or as protobuf's JSON also has it, an object. */
const lifetime = (body: Fields): number => {
  const sent = body['lifetime'];
  if (sent === undefined) return 3600;
  return typeof sent === 'string' ? Number(sent.replace(/s$/, '')) : Number(fields(sent)['seconds'] ?? 0);
};

const ofMetadata = ({ world }: Site, call: Call, answer: (account: Account) => unknown): Answer => {
  const headers = { 'metadata-flavor': 'Google' };
  if (call.headers['metadata-flavor'] !== 'Google') return { status: 403, body: 'Missing Metadata-Flavor:Google header.', headers };
  const account = world.metadataAccount === undefined ? undefined : world.accounts.get(world.metadataAccount)?.now();
  if (account === undefined || account.deleted || account.disabled) return { status: 404, body: 'No service account.', headers };
  return { status: 200, body: answer(account), headers };
};
