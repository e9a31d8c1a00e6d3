/**
 * What the schemas say of Connectors and of dependencies: what a manifest can mean is taken, what it cannot is refused, in words
 * that name the field and say what to write. Tried by an administrator, whom no policy stops.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type ControlPlane, startControlPlane } from '../env/control-plane.ts';
import { issueCertificate } from '../env/x509.ts';
import { connectorsRefused, connectorsTaken, dependenciesRefused, dependenciesTaken, places as googlePlaces } from './api-google-cloud.ts';
import { installOffboard } from './install.ts';
import { connector, connectorSpec, type Fields, inGoogle, inVault, type Manifest, offboarding, workloadIdentity } from './manifests.ts';

let cluster: ControlPlane;
/** Creates it or shows why not, without a trace. Lax: fields that nobody knows are dropped, and only warned of. */
let tryOut: (object: Manifest, validation?: 'Strict' | 'Ignore') => Promise<{ readonly refusal: string; readonly spec: Fields }>;

beforeAll(async () => {
  cluster = await startControlPlane({ controllerManager: false });
  await installOffboard(cluster);
  await cluster.kubectl(['create', 'namespace', 'api']);
  const identity = issueCertificate(cluster.authority, { commonName: 'root', organizations: ['system:masters'] });
  tryOut = async (object, validation = 'Strict') => {
    const { namespace } = object.metadata;
    const plural = object.kind === 'WorkloadIdentity' ? 'workloadidentities' : `${object.kind.toLowerCase()}s`;
    const path = `/apis/offboard.dev/v1alpha1/${namespace === undefined ? '' : `namespaces/${namespace}/`}${plural}?dryRun=All&fieldValidation=${validation}`;
    const { body } = await cluster.request(path, { method: 'POST', ...identity, body: object });
    const answer = JSON.parse(body) as { readonly kind: string; readonly message?: string; readonly spec?: Fields };
    return { spec: answer.spec ?? {}, refusal: answer.kind === 'Status' ? (answer.message ?? body) : '' };
  };
});
afterAll(async () => {
  await cluster.stop();
});

/** Empty: taken. */
const refusalOf = async (object: Manifest): Promise<string> => (await tryOut(object)).refusal;

describe('a Connector', () => {
  const { vault } = connectorSpec;
  const withVault = (change: Fields): Fields => ({ vault: { ...vault, ...change } });
  const byAuth = (auth: Fields): Fields => withVault({ auth });
  const granting = (...grants: readonly Fields[]): Fields => ({ ...connectorSpec, grants });
  const toCi = (what: Fields): Fields => granting({ namespaces: { names: ['ci'] }, vault: what });
  const kubernetes = { role: 'offboard', audience: 'vault' };
  const secret = { name: 'vault', key: 'token' };
  const selector = { matchLabels: { 'example.com/team': 'ci' } };

  it.each<readonly [string, Fields]>([
    ['with a token of its own account', byAuth({ kubernetes })],
    ['with an AppRole', byAuth({ appRole: { roleId: 'r', secretIdSecretRef: secret } })],
    ['with a token in a Secret', byAuth({ tokenSecretRef: secret })],
    ['by name, with a port', withVault({ address: 'https://vault.vault.svc:8200' })],
    ['by an address of IPv6', withVault({ address: 'https://[fd00::1]:8200' })],
    ['on loopback, which the operator takes only with a flag', withVault({ address: 'http://127.0.0.1:8200' })],
    ['in a namespace of that server', withVault({ namespace: 'teams/ci' })],
    ['with two auth mounts', withVault({ kubernetesAuthMounts: [{ path: 'kubernetes' }, { path: 'clusters/a', aliasSource: 'serviceaccount_name' }] })],
    ['that grants nobody anything', connectorSpec],
    ['that grants by labels', granting({ namespaces: { selector }, vault: { authRoles: ['*'] } })],
    ['with patterns of every kind', toCi({ authRoles: ['ci-*'], leasePrefixes: ['database/creds/ci-*', '*/creds/*-ci'], appRoles: ['approle/ci-*'], certificates: ['pki/*.ci.example.com'] })],
    ['that is patient', { ...connectorSpec, timing: { settle: '1m30s', timeout: '60s', maxConcurrent: 64 } }],
    ...connectorsTaken,
  ])('is taken %s', async (_, spec) => {
    expect(await refusalOf(connector('vault', spec))).toBe('');
  });

  it.each<readonly [string, Fields, string]>([
    ['without a system', {}, 'spec: Invalid value: exactly one of vault, googleCloud must be set; this version supports no other type of connector'],
    ['without an address', { vault: { auth: { kubernetes } } }, 'spec.vault.address: Required value'],
    ['without a login', { vault: { address: 'https://v' } }, 'spec.vault.auth: Required value'],
    ['over plain http', withVault({ address: 'http://vault.vault.svc:8200' }), 'spec.vault.address: Invalid value: "http://vault.vault.svc:8200": address must be https://HOST[:PORT]'],
    ['at what only looks like loopback', withVault({ address: 'http://127.0.0.1.example.com' }), 'address must be https://HOST[:PORT]'],
    ['with a user in its address', withVault({ address: 'https://root:root@vault' }), 'address must be https://HOST[:PORT]'],
    ['with a path in its address', withVault({ address: 'https://vault/v1' }), 'address must be https://HOST[:PORT]'],
    ['with a query in its address', withVault({ address: 'https://vault?x' }), 'address must be https://HOST[:PORT]'],
    ['with a line break in its address', withVault({ address: 'https://vault\n' }), 'address must be https://HOST[:PORT]'],
    ['with a host of look-alikes', withVault({ address: 'https://v\u0430ult' }), 'address must be https://HOST[:PORT]'],
    ['with a CA in base64', withVault({ caBundle: 'LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t' }), 'spec.vault.caBundle: Invalid value: "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t": caBundle must hold certificates as PEM'],
    ['with a private key beside its CA', withVault({ caBundle: '-----BEGIN CERTIFICATE-----\n-----BEGIN EC PRIVATE KEY-----' }), 'caBundle holds a private key'],
    ['in a namespace that climbs', withVault({ namespace: 'teams/../root' }), 'spec.vault.namespace: Invalid value: "teams/../root": a namespace is a path'],
    ['in a namespace with a slash at its end', withVault({ namespace: 'teams/' }), 'a namespace is a path without a slash at its ends'],
    ['without a way to log in', byAuth({}), 'spec.vault.auth: Invalid value: exactly one of kubernetes, appRole, tokenSecretRef must be set'],
    ['with two ways to log in', byAuth({ kubernetes, tokenSecretRef: secret }), 'exactly one of kubernetes, appRole, tokenSecretRef must be set'],
    ['with a way to log in that is not known', byAuth({ userpass: {} }), 'unknown field "spec.vault.auth.userpass"'],
    ['with a token for any audience', byAuth({ kubernetes: { role: 'offboard' } }), 'spec.vault.auth.kubernetes.audience: Required value'],
    ['with a token for the API server', byAuth({ kubernetes: { ...kubernetes, audience: 'https://kubernetes.default.svc' } }), 'spec.vault.auth.kubernetes.audience: Invalid value: "https://kubernetes.default.svc": audience is one of the API server itself'],
    ['with an auth mount that is a path of the API', byAuth({ kubernetes: { ...kubernetes, mount: 'auth/../sys' } }), 'spec.vault.auth.kubernetes.mount: Invalid value: "auth/../sys": a mount is the path without "auth/"'],
    ['with a Secret of another namespace', byAuth({ tokenSecretRef: { name: 'ci/token', key: 'token' } }), 'spec.vault.auth.tokenSecretRef.name: Invalid value: "ci/token": name must be made of'],
    ['with a Secret that names its namespace', byAuth({ tokenSecretRef: { ...secret, namespace: 'ci' } }), 'unknown field "spec.vault.auth.tokenSecretRef.namespace"'],
    ['with a key that no Secret has', byAuth({ appRole: { roleId: 'r', secretIdSecretRef: { name: 'vault', key: 'a/b' } } }), 'spec.vault.auth.appRole.secretIdSecretRef.key: Invalid value: "a/b": key must be made of'],
    ['with a token in the clear', byAuth({ token: 's.abc' }), 'unknown field "spec.vault.auth.token"'],
    ['with an auth mount twice', withVault({ kubernetesAuthMounts: [{ path: 'kubernetes' }, { path: 'kubernetes', aliasSource: 'serviceaccount_name' }] }), 'spec.vault.kubernetesAuthMounts[1]: Duplicate value'],
    ['with aliases of another kind', withVault({ kubernetesAuthMounts: [{ path: 'kubernetes', aliasSource: 'pod' }] }), 'supported values: "serviceaccount_uid", "serviceaccount_name"'],
    ['that grants to nobody', granting({ namespaces: {} }), 'spec.grants[0].namespaces: Invalid value: exactly one of names, selector must be set'],
    ['that grants by names and labels', granting({ namespaces: { names: ['ci'], selector } }), 'exactly one of names, selector must be set'],
    ['that grants to any namespace with a label of no name', granting({ namespaces: { selector: { matchLabels: {} } } }), 'spec.grants[0].namespaces.selector.matchLabels'],
    ['that grants to namespaces by a wildcard', granting({ namespaces: { names: ['ci-*'] } }), 'spec.grants[0].namespaces.names[0]: Invalid value: "ci-*": a namespace must be made of lower-case letters, digits and "-", without wildcards'],
    ['that grants roles with their mount', toCi({ authRoles: ['kubernetes/ci-*'] }), 'spec.grants[0].vault.authRoles[0]: Invalid value: "kubernetes/ci-*": a pattern of roles is a name such as ci-*, without the mount'],
    ['that grants everything in one star', toCi({ leasePrefixes: ['*'] }), 'spec.grants[0].vault.leasePrefixes[0]: Invalid value: "*": a pattern of leases is a path of two parts or more'],
    ['that grants across slashes', toCi({ leasePrefixes: ['database/**'] }), 'a pattern of leases is a path'],
    ['that grants a path that climbs', toCi({ leasePrefixes: ['database/creds/../static-creds/x'] }), 'a pattern of leases is a path'],
    ['that grants an encoded slash', toCi({ leasePrefixes: ['database%2Fcreds/x'] }), 'a pattern of leases is a path'],
    ['that grants an AppRole without its mount', toCi({ appRoles: ['ci-*'] }), 'spec.grants[0].vault.appRoles[0]: Invalid value: "ci-*": a pattern of AppRoles is MOUNT/NAME'],
    ['that grants a certificate without its mount', toCi({ certificates: ['ci'] }), 'spec.grants[0].vault.certificates[0]: Invalid value: "ci": a pattern of certificates is MOUNT/COMMON NAME'],
    ['that grants the same pattern twice', toCi({ authRoles: ['ci-*', 'ci-*'] }), 'spec.grants[0].vault.authRoles[1]: Duplicate value'],
    ['that settles some time', { ...connectorSpec, timing: { settle: 'soon' } }, 'spec.timing.settle: Invalid value: "soon": settle must be a duration'],
    ['that settles for days', { ...connectorSpec, timing: { settle: '25h' } }, 'settle must be at most 24h'],
    ['that waits for nothing', { ...connectorSpec, timing: { timeout: '0s' } }, 'spec.timing.timeout: Invalid value: "0s": timeout must be from 100ms to 60s'],
    ['that waits for ever', { ...connectorSpec, timing: { timeout: '61s' } }, 'timeout must be from 100ms to 60s'],
    ['that asks nothing at a time', { ...connectorSpec, timing: { maxConcurrent: 0 } }, 'spec.timing.maxConcurrent: Invalid value: 0'],
    ...connectorsRefused,
  ])('is refused %s', async (_, spec, message) => {
    expect(await refusalOf(connector('vault', spec))).toContain(message);
  });

  it('has what is usual filled in', async () => {
    const { spec } = await tryOut(connector('vault', { ...withVault({ auth: { kubernetes }, kubernetesAuthMounts: [{ path: 'kubernetes' }] }) }));
    expect(spec).toEqual({
      vault: { ...vault, auth: { kubernetes: { ...kubernetes, mount: 'kubernetes' } }, kubernetesAuthMounts: [{ path: 'kubernetes', aliasSource: 'serviceaccount_uid' }] },
      timing: { timeout: '10s', maxConcurrent: 8 },
    });
    const google = await tryOut(connector('gcp', { googleCloud: { auth: { attached: {} } } }));
    expect(google.spec).toEqual({ googleCloud: { auth: { attached: {} }, accessTokenLifetime: '1h' }, timing: { timeout: '10s', maxConcurrent: 8 } });
  });
});

/** The same in both places where dependencies are declared. */
describe.each([
  ['a WorkloadIdentity', 'spec', (dependencies: unknown): Manifest => workloadIdentity('api', 'agent', { dependencies })],
  ['an Offboarding', 'spec.identity', (dependencies: unknown): Manifest => offboarding('api', 'agent', { identity: { serviceAccount: { name: 'agent' }, dependencies } })],
])('a dependency of %s', (_, at, declaring) => {
  const one = (what: Fields, more: Fields = {}): Manifest => declaring([{ name: 'vault', ...more, ...inVault('vault', what) }]);
  const named = (...names: readonly string[]): readonly Fields[] => names.map((name) => ({ name, ...inVault('vault') }));
  const every = (length: number, text: (index: string) => unknown): readonly unknown[] => Array.from({ length }, (__, index) => text(String(index)));
  const path = (parts: number, part: string): string => Array.from({ length: parts }, () => part).join('/');

  it.each<readonly [string, unknown]>([
    ['none', []],
    ['that names nothing but its connector', named('vault')],
    ['of every kind of thing', [{ name: 'vault', ...inVault('vault', {
      roles: ['ci-agent', 'CI_agent.7'],
      leases: [{ prefix: 'database/creds/ci-agent', exclusive: true }, { prefix: 'a/b' }],
      appRoles: [{ name: 'ci-agent', exclusive: true }, { mount: 'teams/approle', name: 'ci-agent' }],
      certificates: [{ serialNumber: '39:dd:2e' }, { mount: 'pki/int', serialNumber: '39:dd:2e' }],
    }) }]],
    ...dependenciesTaken,
    ['after another and the cluster', [...named('first'), { ...named('second')[0], after: ['first', 'kubernetes'] }]],
    ['of which there are sixteen', named(...Array.from({ length: 16 }, (__, index) => `vault-${String(index)}`))],
    ['with as many and as long names as there can be', [{ name: 'vault', ...inVault('vault', {
      roles: every(16, (index) => `r${index}`.padEnd(128, 'x')),
      leases: every(16, (index) => ({ prefix: `p${index}/`.padEnd(512, 'x') })),
      appRoles: every(16, (index) => ({ mount: 'm'.padEnd(255, '/m'), name: `r${index}`.padEnd(128, 'x') })),
      certificates: every(32, (index) => ({ mount: 'm'.padEnd(255, '/m'), serialNumber: `00:${index.padStart(2, '0')}` })),
    }) }]],
  ])('is taken: %s', async (__, dependencies) => {
    expect(await refusalOf(declaring(dependencies))).toBe('');
  });

  it.each<readonly [string, unknown, string]>([
    ['without a name', [inVault('vault')], '.dependencies[0].name: Required value'],
    ['under the name of the cluster itself', named('kubernetes'), '.dependencies[0].name: Invalid value: "kubernetes": name must be made of'],
    ['under a name in capitals', named('Vault'), 'name must be made of lower-case letters'],
    ['twice under one name', named('vault', 'vault'), '.dependencies[1]: Duplicate value'],
    ['seventeen times', named(...Array.from({ length: 17 }, (__, index) => `vault-${String(index)}`)), 'must have at most 16 items'],
    ['of no type', [{ name: 'vault' }], '.dependencies[0]: Invalid value: exactly one of vault, googleCloud must be set; this version supports no other type of dependency'],
    ['without a connector', [{ name: 'vault', vault: {} }], '.dependencies[0].vault.connectorRef: Required value'],
    ['with a connector that cannot be', [{ name: 'vault', ...inVault('../vault') }], '.dependencies[0].vault.connectorRef.name: Invalid value: "../vault": name must be made of'],
    ['after itself', [{ ...named('vault')[0], after: ['vault'] }], '.dependencies: Invalid value: each name in after must be that of another dependency, or "kubernetes"'],
    ['after what is not there', [{ ...named('vault')[0], after: ['google'] }], 'each name in after must be that of another dependency'],
    ['after the same twice', [{ ...named('vault')[0], after: ['kubernetes', 'kubernetes'] }], '.dependencies[0].after[1]: Duplicate value'],
    ...dependenciesRefused,
  ])('is refused %s', async (__, dependencies, message) => {
    const refusal = await refusalOf(declaring(dependencies));
    expect(refusal).toContain(message.startsWith('.') ? at + message : message);
  });

  /** What a tenant may try in order to have one path granted and another one meant. */
  const tricks: readonly (readonly [string, ...string[]])[] = [
    ['a wildcard', '*', 'ci-*', 'ci-?', 'ci-[78]', '{a,b}'],
    ['a climb', '..', '.', 'ci-7/..', 'ci-7/../ci-8', './ci-8', 'ci..8', '.ci-8'],
    ['a slash too many', '/ci-8', 'ci-8/', 'ci-7//ci-8', '/', '\\ci-8'],
    ['an escape', '%2e%2e', 'ci-7%2F..%2Fci-8', 'ci%2d8', 'ci-7%00', '%'],
    ['the end of a path', 'ci-8?list=true', 'ci-8#', 'ci-8;x'],
    ['what cannot be seen', 'ci-8\n', '\nci-8', 'ci-8\u0000', ' ci-8', 'ci-8 ', 'ci-8\t', 'ci-8\u200b', '\u202eci-8', 'ci-8\u00a0'],
    ['look-alikes', 'c\u0456-8', 'ci\u20108', '\uff43i-8', 'ci-\u0668', 'c\u0131-8', 'ci\uff0f8'],
    ['nothing', ''],
  ];
  const vaultPlaces: readonly (readonly [string, (text: string) => Fields])[] = [
    ['a role', (text) => ({ roles: [text] })],
    ['a prefix', (text) => ({ leases: [{ prefix: `database/creds/${text}` }] })],
    ['the beginning of a prefix', (text) => ({ leases: [{ prefix: `${text}/creds/ci-8` }] })],
    ['an AppRole', (text) => ({ appRoles: [{ name: text }] })],
    ['the mount of an AppRole', (text) => ({ appRoles: [{ mount: `teams/${text}`, name: 'ci-8' }] })],
    ['the mount of a certificate', (text) => ({ certificates: [{ mount: text, serialNumber: '39:dd' }] })],
    ['a serial number', (text) => ({ certificates: [{ serialNumber: text }] })],
  ];
  const places = [...vaultPlaces.map(([name, place]) => [name, (text: string) => [{ name: 'vault', ...inVault('vault', place(text)) }]] as const), ...googlePlaces];
  describe.each(places)('%s', (__, place) => {
    it.each(tricks)('is refused with %s', async (___, ...texts) => {
      for (const text of texts) {
        const [, about] = (await refusalOf(declaring(place(text)))).split(`${at}.dependencies[0].`);
        expect(about, JSON.stringify(text)).toMatch(/^(vault|googleCloud)[.]/);
      }
    });
  });

  it.each<readonly [string, Fields, string]>([
    ['a role with its mount', { roles: ['kubernetes/ci-8'] }, '.dependencies[0].vault.roles[0]: Invalid value: "kubernetes/ci-8": a role is made of letters'],
    ['a role that is too long', { roles: ['r'.repeat(129)] }, '.dependencies[0].vault.roles[0]: Too long'],
    ['a prefix that is a whole mount', { leases: [{ prefix: 'database' }] }, '.dependencies[0].vault.leases[0].prefix: Invalid value: "database": a prefix is a path of two parts or more'],
    ['a prefix that is too long', { leases: [{ prefix: path(257, 'a') }] }, '.dependencies[0].vault.leases[0].prefix: Too long'],
    ['a prefix twice', { leases: [{ prefix: 'a/b' }, { prefix: 'a/b', exclusive: true }] }, '.dependencies[0].vault.leases[1]: Duplicate value'],
    ['an AppRole in capitals, which Vault makes small', { appRoles: [{ name: 'CI-8' }] }, '.dependencies[0].vault.appRoles[0].name: Invalid value: "CI-8": a role is made of lower-case letters'],
    ['an AppRole twice, once by the usual mount', { appRoles: [{ name: 'ci' }, { mount: 'approle', name: 'ci' }] }, '.dependencies[0].vault.appRoles[1]: Duplicate value'],
    ['a mount that is too long', { appRoles: [{ mount: path(129, 'm'), name: 'ci' }] }, '.dependencies[0].vault.appRoles[0].mount: Too long'],
    ['a serial number in capitals', { certificates: [{ serialNumber: '39:DD' }] }, '.dependencies[0].vault.certificates[0].serialNumber: Invalid value: "39:DD": a serial number is pairs of lower-case hexadecimal digits'],
    ['a seventeenth role', { roles: every(17, (index) => `r${index}`) }, 'must have at most 16 items'],
  ])('is refused with %s', async (__, what, message) => {
    const refusal = await refusalOf(one(what));
    expect(refusal).toContain(message.startsWith('.') ? at + message : message);
  });

  it('of a type that this version does not know is refused, not dropped, however little the client looks', async () => {
    const other = declaring([{ name: 'other', amazon: { connectorRef: { name: 'aws' } } }]);
    expect((await tryOut(other, 'Ignore')).refusal).toContain(`${at}.dependencies[0]: Invalid value: exactly one of vault, googleCloud must be set`);
    expect((await tryOut(other)).refusal).toContain(`unknown field "${at}.dependencies[0].amazon"`);
    expect((await tryOut(one({}, { amazon: {} }))).refusal).toContain(`unknown field "${at}.dependencies[0].amazon"`);
  });

  it('has the usual mounts and the usual end filled in, and nothing else', async () => {
    const serviceAccount = { email: 'ci@acme.iam.gserviceaccount.com' };
    const { spec } = await tryOut(declaring([
      { name: 'vault', ...inVault('vault', { appRoles: [{ name: 'ci' }], certificates: [{ serialNumber: '39:dd' }] }) },
      { name: 'google', ...inGoogle('gcp', { serviceAccount }) },
    ]));
    const { dependencies } = (at === 'spec' ? spec : spec['identity']) as Fields;
    expect(dependencies).toEqual([
      { name: 'vault', ...inVault('vault', { appRoles: [{ mount: 'approle', name: 'ci' }], certificates: [{ mount: 'pki', serialNumber: '39:dd' }] }) },
      { name: 'google', ...inGoogle('gcp', { serviceAccount: { ...serviceAccount, onRetire: 'KeepDisabled' } }) },
    ]);
  });
});

describe('kubectl explain', () => {
  it.each([
    ['wid.spec.dependencies.vault.leases', 'Vault cannot tell whose a lease is'],
    ['ofb.spec.identity.dependencies', "needs the requester's permission to use the"],
    ['connector.spec.grants', 'All that a dependency names must be in one grant'],
    ['connector.spec.vault.auth', 'Secrets are read from the operator\'s own'],
    ['connector.spec.googleCloud.workloadIdentityPools', 'by which ServiceAccounts of this cluster are members'],
    ['wid.spec.dependencies.googleCloud.serviceAccount', 'One that others use as well is neither disabled nor deleted'],
  ])('tells of %s', async (field, text) => {
    expect((await cluster.kubectl(['explain', field])).replaceAll(/\s+/g, ' ')).toContain(text);
  });
});
