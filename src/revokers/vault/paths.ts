/** Where things are on a server, segment by segment, and the requests that ask for them. */
import type { VaultRequest, Watermark } from './client.ts';

const plainSegment = /^[A-Za-z0-9_](?:[-A-Za-z0-9_.]*[A-Za-z0-9_])?$/;

/** A path of names as the CRDs take them: no way of writing it means another path to the server than to us. */
export const isPlainPath = (path: string): boolean => path.split('/').every((segment) => plainSegment.test(segment) && !segment.includes('..'));

const segments = (path: string): readonly string[] => path.split('/');

export const authMounts = ['sys', 'auth'] as const;
export const entityLookup = ['identity', 'lookup', 'entity'] as const;
export const entity = (id: string): readonly string[] => ['identity', 'entity', 'id', id];
export const entityAlias = ['identity', 'entity-alias'] as const;
export const tokenAccessors = ['auth', 'token', 'accessors'] as const;
export const tokenLookup = ['auth', 'token', 'lookup-accessor'] as const;
export const tokenRevoke = ['auth', 'token', 'revoke-accessor'] as const;
export const leases = ['sys', 'leases'] as const;
export const leaseLookup = ['sys', 'leases', 'lookup'] as const;
export const leaseRevoke = ['sys', 'leases', 'revoke'] as const;
export const leasesUnder = (path: readonly string[]): readonly string[] => [...leaseLookup, ...path];
export const prefixSegments = segments;
export const capabilitiesSelf = ['sys', 'capabilities-self'] as const;
export const authRole = (mount: string, role: string): readonly string[] => ['auth', ...segments(mount), 'role', role];
export const authRoles = (mount: string): readonly string[] => ['auth', ...segments(mount), 'role'];
export const secretIds = (mount: string, role: string): readonly string[] => [...authRole(mount, role), 'secret-id'];
export const secretIdLookup = (mount: string, role: string): readonly string[] => [...authRole(mount, role), 'secret-id-accessor', 'lookup'];
export const secretIdDestroy = (mount: string, role: string): readonly string[] => [...authRole(mount, role), 'secret-id-accessor', 'destroy'];
export const certificate = (mount: string, serial: string): readonly string[] => [...segments(mount), 'cert', serial];
export const certificateRevoke = (mount: string): readonly string[] => [...segments(mount), 'revoke'];

/** A read that counts: its answer is not older than `notBefore`. */
export const get = (path: readonly string[], notBefore: Watermark): VaultRequest => ({ method: 'GET', path, notBefore });
export const list = (path: readonly string[], notBefore: Watermark): VaultRequest => ({ method: 'LIST', path, notBefore });
/** What is asked for is in the body: still a read. */
export const ask = (path: readonly string[], body: object, notBefore: Watermark): VaultRequest => ({ method: 'POST', path, body, notBefore });
export const post = (path: readonly string[], body: object): VaultRequest => ({ method: 'POST', path, body });
export const remove = (path: readonly string[]): VaultRequest => ({ method: 'DELETE', path });
