/**
 * As much of an API server as the Kubernetes auth of a Vault asks: it believes every token that {@link serviceAccountToken}
 * made, and no other. For tests of Vault that need logins, and no cluster.
 */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Account {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface TokenReviewer {
  readonly url: string;
  readonly close: () => Promise<void>;
}

const signedByNobody = Buffer.from('nobody').toString('base64url');

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** In the form of one, and signed by nobody. */
export const serviceAccountToken = ({ namespace, name, uid }: Account): string => {
  const claims = {
    iss: 'https://kubernetes.default.svc',
    sub: `system:serviceaccount:${namespace}:${name}`,
    aud: ['vault'],
    iat: 1_750_000_000,
    exp: 4_000_000_000,
    'kubernetes.io': { namespace, serviceaccount: { name, uid } },
  };
  return `${encode({ alg: 'RS256', kid: 'test' })}.${encode(claims)}.${signedByNobody}`;
};

const read = async (request: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
};

const review = (body: string): object => {
  const { spec } = JSON.parse(body) as { readonly spec: { readonly token: string } };
  const [, encoded = '', signature] = spec.token.split('.');
  // As the real one: that it is not authenticated is left out, and not said.
  if (signature !== signedByNobody) return { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', status: { user: {}, error: 'invalid bearer token' } };
  const claims = JSON.parse(Buffer.from(encoded, 'base64url').toString('utf8')) as { readonly sub: string; readonly 'kubernetes.io': { readonly serviceaccount: { readonly uid: string } } };
  const user = { username: claims.sub, uid: claims['kubernetes.io'].serviceaccount.uid, groups: ['system:serviceaccounts'] };
  return { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', status: { authenticated: true, user, audiences: ['vault'] } };
};

export const startTokenReviewer = async (): Promise<TokenReviewer> => {
  const server = createServer((request, response) => {
    void read(request).then((body) => {
      response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify(review(body)));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};
