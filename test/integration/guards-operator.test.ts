/** The fence around the operator's own account: tried with its real token, and with RBAC that would allow all of it. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { type ControlPlane, startControlPlane } from '../env/control-plane.ts';
import { installOffboard } from './install.ts';
import type { Fields } from './manifests.ts';
import { account, admin, type Person, person, type Rule } from './people.ts';

const rbac = 'rbac.authorization.k8s.io';
const create = ['create', '-f', '-'];
/** More than any operator gets: what it may not do is then the fence's doing. */
const everything: readonly Rule[] = [
  { on: ['serviceaccounts', 'secrets', 'configmaps'], verbs: ['*'] },
  { on: ['serviceaccounts/token'], verbs: ['create'] },
  { on: [`rolebindings.${rbac}`, `clusterrolebindings.${rbac}`], verbs: ['*'] },
  { on: [`clusterroles.${rbac}`], verbs: ['bind'] },
];
const jane = { apiGroup: rbac, kind: 'User', name: 'jane' };
const team = { apiGroup: rbac, kind: 'Group', name: 'team' };
const agent = { kind: 'ServiceAccount', name: 'agent', namespace: 'ci' };

/** As Google Cloud names a provider of a pool, and GKE a pool. */
const google = 'https://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/clusters/providers/prod';
const gke = 'acme.svc.id.goog';

let cluster: ControlPlane;
let root: Person;
let operator: Person;

beforeAll(async () => {
  cluster = await startControlPlane();
  await installOffboard(cluster, { tokenAudiences: ['bao'] });
  root = admin(cluster);
  await cluster.kubectl(['create', 'namespace', 'ci']);
  await cluster.kubectl(['create', 'serviceaccount', 'agent', '-n', 'ci']);
  await cluster.kubectl(['create', 'secret', 'generic', 'agent', '-n', 'ci']);
  await cluster.kubectl(['create', 'serviceaccount', 'offboard', '-n', 'offboard-system']);
  operator = await account(cluster, 'offboard-system', 'offboard', { everywhere: everything });
});
afterAll(async () => {
  await cluster.stop();
});

describe.each(['RoleBinding', 'ClusterRoleBinding'])('a %s', (kind) => {
  const metadata = { name: 'shared', ...(kind === 'RoleBinding' ? { namespace: 'ci' } : {}), labels: { a: '1' }, annotations: { b: '2' } };
  const binding = (...subjects: readonly object[]): object => ({
    apiVersion: `${rbac}/v1`,
    kind,
    metadata,
    roleRef: { apiGroup: rbac, kind: 'ClusterRole', name: 'view' },
    subjects,
  });
  const on = [kind, 'shared', '-n', 'ci'];
  const patch = (body: Fields, ...more: readonly string[]): readonly string[] => ['patch', ...on, '--type=merge', '-p', JSON.stringify(body), ...more];

  beforeEach(async () => {
    await root.kubectl(['delete', ...on, '--ignore-not-found']);
    await root.kubectl(create, binding(jane, agent, team));
  });

  it('loses subjects by the operator, in any form, down to none', async () => {
    await operator.kubectl(patch({ subjects: [team, jane] }));
    await operator.kubectl(['replace', '-f', '-'], binding(jane));
    await operator.kubectl(patch({ subjects: [] }));
    expect(await root.kubectl(['get', ...on, '-o', 'jsonpath={.subjects}'])).toBe('');
    expect(await root.kubectl(['get', ...on, '-o', 'jsonpath={.metadata.labels}'])).toBe('{"a":"1"}');
  });

  it.each<readonly [string, object]>([
    ['a new user', { apiGroup: rbac, kind: 'User', name: 'mallory' }],
    ['the user that bears the name of a group', { apiGroup: rbac, kind: 'User', name: 'team' }],
    ['the account of the same name elsewhere', { ...agent, namespace: 'other' }],
    ['itself', { kind: 'ServiceAccount', name: 'offboard', namespace: 'offboard-system' }],
  ])('gains no subject by the operator: %s', async (_, subject) => {
    for (const subjects of [[jane, agent, team, subject], [jane, subject]]) {
      await expect(operator.kubectl(patch({ subjects }))).rejects.toThrow('Offboard only removes subjects from a binding');
      await expect(operator.kubectl(patch({ subjects }, '--dry-run=server'))).rejects.toThrow('Offboard only removes subjects from a binding');
    }
  });

  it.each<readonly [string, Fields]>([
    ['labels', { labels: { a: '2' } }],
    ['labels', { labels: null }],
    ['annotations', { annotations: { c: '3' } }],
    ['finalizers', { finalizers: ['example.com/x'] }],
    ['ownerReferences', { ownerReferences: [{ apiVersion: 'v1', kind: 'Namespace', name: 'ci', uid: 'u' }] }],
  ])('keeps its %s: %o is refused', async (_, change) => {
    await expect(operator.kubectl(patch({ metadata: change, subjects: [jane] }))).rejects.toThrow('metadata: Offboard only removes subjects from a binding');
  });

  it('is never created by the operator, not even as it was', async () => {
    await operator.kubectl(['delete', ...on]);
    for (const form of [create, ['apply', '--server-side', '-f', '-'], [...create, '--dry-run=server']]) {
      await expect(operator.kubectl(form, binding(jane))).rejects.toThrow('Offboard creates no bindings');
    }
  });

  it('is left alone by the fence where anybody else writes it', async () => {
    const other = await person(cluster, 'binder', { everywhere: everything });
    await other.kubectl(patch({ metadata: { labels: { a: '3' } }, subjects: [jane, { ...jane, name: 'joe' }] }));
  });

  it('with 1,500 subjects loses one by the operator, and gains none', async () => {
    const many = Array.from({ length: 1_500 }, (_, index) => ({ ...jane, name: `user-${String(index)}-with-a-name-of-some-length@example.com` }));
    await root.kubectl(['replace', '-f', '-'], binding(...many));
    await operator.kubectl(['replace', '-f', '-'], binding(...many.slice(1)));
    await expect(operator.kubectl(['replace', '-f', '-'], binding(...many.slice(2), jane))).rejects.toThrow('Offboard only removes subjects from a binding');
    expect((await root.kubectl(['get', ...on, '-o', 'jsonpath={.subjects[*].name}'])).split(' ')).toHaveLength(1_499);
  });
});

describe('new credentials', () => {
  const refusal = 'Offboard makes and changes no ServiceAccounts or Secrets';

  it('are not made with the account of the operator', async () => {
    for (const args of [
      ['create', 'serviceaccount', 'x', '-n', 'ci'],
      ['create', 'serviceaccount', 'x', '-n', 'ci', '--dry-run=server'],
      ['create', 'secret', 'generic', 'x', '-n', 'ci'],
    ]) {
      await expect(operator.kubectl(args)).rejects.toThrow(refusal);
    }
  });

  it('are not changed with it either', async () => {
    await expect(operator.kubectl(['label', 'serviceaccount', 'agent', '-n', 'ci', 'a=b'])).rejects.toThrow(refusal);
    await expect(operator.kubectl(['patch', 'secret', 'agent', '-n', 'ci', '-p', '{"data":{"x":"eA=="}}'])).rejects.toThrow(refusal);
  });

  it('are deleted with it, tokens where it may find them, and what is none of its business is not', async () => {
    await root.kubectl(create, { apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/service-account-token', metadata: { name: 'legacy', namespace: 'ci', annotations: { 'kubernetes.io/service-account.name': 'agent' } } });
    await operator.kubectl(['delete', 'secret/legacy', '-n', 'ci']);
    for (const more of [[], ['--dry-run=server']]) {
      await expect(operator.kubectl(['delete', 'secret/agent', '-n', 'ci', ...more])).rejects.toThrow('Offboard deletes no Secrets but its own canaries');
    }
    await operator.kubectl(['delete', 'serviceaccount/agent', '-n', 'ci']);
  });

  it('are made by anybody else, and the operator writes what is no credential', async () => {
    const other = await person(cluster, 'maker', { everywhere: everything });
    await other.kubectl(['create', 'serviceaccount', 'x', '-n', 'ci']);
    await other.kubectl(['create', 'token', 'x', '-n', 'ci']);
    await other.kubectl(['create', 'secret', 'generic', 'x', '-n', 'ci']);
    await operator.kubectl(['create', 'configmap', 'x', '-n', 'ci']);
  });
});

/** As Offboard makes it. */
const signingKey = (more: Fields = {}, metadata: Fields = {}): Fields => ({
  apiVersion: 'v1', kind: 'Secret', type: 'Opaque', metadata: { name: 'offboard-signing-key', namespace: 'offboard-system', ...metadata }, data: { 'key.pem': 'eA==' }, ...more,
});

describe('the signing key', () => {
  it('is made by the operator, and never changed', async () => {
    await operator.kubectl(create, signingKey());
    await expect(operator.kubectl(['patch', 'secret', 'offboard-signing-key', '-n', 'offboard-system', '-p', '{"data":{"key.pem":"eQ=="}}'])).rejects.toThrow('Offboard makes and changes no');
    await expect(operator.kubectl(['delete', 'secret', 'offboard-signing-key', '-n', 'offboard-system'])).rejects.toThrow('Offboard deletes no Secrets but its own canaries');
    await root.kubectl(['delete', 'secret', 'offboard-signing-key', '-n', 'offboard-system']);
  });

  it.each<readonly [string, Fields]>([
    ['has another name', signingKey({}, { name: 'offboard-signing-key-2' })],
    ['is elsewhere', signingKey({}, { namespace: 'ci' })],
    ['gets its name later', signingKey({}, { name: undefined, generateName: 'offboard-signing-key' })],
    ['has more in it', signingKey({ stringData: { token: 'x' } })],
    ['is for a token of an account', signingKey({ type: 'kubernetes.io/service-account-token', data: {} }, { annotations: { 'kubernetes.io/service-account.name': 'offboard' } })],
  ])('is not what the operator makes where it %s', async (_, secret) => {
    await expect(operator.kubectl(create, secret)).rejects.toThrow('Offboard makes and changes no ServiceAccounts or Secrets');
  });
});

/** As Offboard makes one. */
const canary = (name: string, more: Fields = {}, namespace = 'ci'): Fields => ({
  apiVersion: 'v1', kind: 'Secret', type: 'offboard.dev/canary', metadata: { name, namespace, labels: { 'app.kubernetes.io/managed-by': 'offboard' } }, ...more,
});

describe('a Secret that a canary is bound to', () => {
  it('is made and deleted by the operator, and never changed', async () => {
    await operator.kubectl(create, canary('offboard-canary-1'));
    for (const change of [
      ['label', 'secret', 'offboard-canary-1', '-n', 'ci', 'a=b'],
      ['patch', 'secret', 'offboard-canary-1', '-n', 'ci', '-p', '{"data":{"x":"eA=="}}'],
    ]) {
      await expect(operator.kubectl(change)).rejects.toThrow('Offboard makes and changes no ServiceAccounts or Secrets');
    }
    await operator.kubectl(['delete', 'secret', 'offboard-canary-1', '-n', 'ci']);
  });

  it.each<readonly [string, Fields]>([
    ['has another name', canary('canary-1')],
    ['is of another type', canary('offboard-canary-2', { type: 'Opaque' })],
    ['is of no type', canary('offboard-canary-2', { type: undefined })],
    ['has data', canary('offboard-canary-2', { data: { x: 'eA==' } })],
    ['has data as text', canary('offboard-canary-2', { stringData: { x: 'x' } })],
    ['is for a token of an account', canary('offboard-canary-2', { type: 'kubernetes.io/service-account-token', metadata: { name: 'offboard-canary-2', namespace: 'ci', annotations: { 'kubernetes.io/service-account.name': 'default' } } })],
    ['is in kube-system', canary('offboard-canary-2', {}, 'kube-system')],
    ['is beside its own account', canary('offboard-canary-2', {}, 'offboard-system')],
  ])('is not made by the operator where it %s', async (_, secret) => {
    await expect(operator.kubectl(create, secret)).rejects.toThrow('Offboard makes and changes no ServiceAccounts or Secrets');
  });

  it.each<readonly [string, Fields]>([
    ['is only called like one', canary('offboard-canary-3', { type: 'Opaque' })],
    ['is only of its type', canary('canary-3')],
  ])('is not taken for one where it %s, and stays', async (_, secret) => {
    await root.kubectl(create, secret);
    await expect(operator.kubectl(['delete', '-f', '-'], secret)).rejects.toThrow('Offboard deletes no Secrets but its own canaries');
    await expect(operator.kubectl(['delete', 'secrets', '--all', '-n', 'ci'])).rejects.toThrow('Offboard deletes no Secrets but its own canaries');
    await root.kubectl(['delete', '-f', '-'], secret);
  });
});

describe('a token', () => {
  const own = ['create', 'token', 'offboard', '-n', 'offboard-system'];
  const short = '--duration=10m';
  const claims = (token: string): unknown => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
  /** Of an identity; or of the account of that name. */
  let serial = 0;
  const ofCi = async (name = `canary-${String((serial += 1))}`): Promise<readonly string[]> => {
    await root.kubectl(['create', 'serviceaccount', name, '-n', 'ci']);
    return ['create', 'token', name, '-n', 'ci'];
  };
  /** Of the operator itself, and of an identity. */
  const both = async (): Promise<readonly (readonly string[])[]> => [own, await ofCi()];

  it('of its own account is made by the operator, for whom the policy names and for ten minutes', async () => {
    for (const audience of ['vault', 'bao', google, gke]) {
      expect(claims(await operator.kubectl([...own, `--audience=${audience}`, short]))).toMatchObject({ aud: [audience], sub: operator.name });
    }
  });

  it('of an identity is made by the operator where RBAC allows it, for Google Cloud', async () => {
    const canary = await ofCi('canary');
    for (const audience of [google, gke]) {
      expect(claims(await operator.kubectl([...canary, `--audience=${audience}`, short]))).toMatchObject({ aud: [audience], sub: 'system:serviceaccount:ci:canary' });
    }
  });

  it.each(['vault', 'bao'])('of an identity is not made by the operator for %s, to which Offboard itself logs in', async (audience) => {
    await expect(operator.kubectl([...(await ofCi()), `--audience=${audience}`, short])).rejects.toThrow('spec.audiences: Offboard makes tokens of identities for workload identity pools of Google Cloud only');
  });

  it('that the operator made is nothing to the API server', async () => {
    for (const made of [[...own, '--audience=vault'], [...own, `--audience=${google}`], [...(await ofCi()), `--audience=${google}`]]) {
      const token = (await operator.kubectl([...made, short])).trim();
      expect((await cluster.request('/api/v1/namespaces', { token })).status).toBe(401);
    }
  });

  it.each<readonly [string, readonly string[]]>([
    ['that names nobody, and so the API server', []],
    ['for the API server', ['--audience=https://kubernetes.default.svc.cluster.local']],
    ['for Vault and the API server', ['--audience=vault', '--audience=https://kubernetes.default.svc.cluster.local']],
    ['for somebody who is not named in the policy', ['--audience=sts.amazonaws.com']],
    ['for somebody of almost that name', ['--audience=Vault']],
    ['for a part of Google Cloud that is no pool', ['--audience=https://iam.googleapis.com/projects/1/serviceAccounts/x']],
    ['for what is only called like a pool', [`--audience=https://example.com/?${google}`]],
    ['for what is only called like a pool of GKE', ['--audience=https://kubernetes.default.svc/acme.svc.id.goog']],
  ])('is not made by the operator %s', async (_, audiences) => {
    for (const account of await both()) {
      const refused = expect(operator.kubectl([...account, ...audiences, short])).rejects;
      await refused.toThrow(account === own ? 'spec.audiences: Offboard makes tokens for "vault", "bao" and workload identity pools of Google Cloud only, not for "' : 'spec.audiences: Offboard makes tokens ');
    }
  });

  it('is not made by the operator for two at once, of whom one could use it at the other', async () => {
    for (const account of await both()) {
      await expect(operator.kubectl([...account, `--audience=${gke}`, `--audience=${google}`, short])).rejects.toThrow('spec.audiences: Offboard makes tokens for one audience each');
    }
  });

  it('is not made by the operator to last, be it asked for or left to Kubernetes', async () => {
    for (const account of await both()) {
      for (const more of [['--duration=601s'], []]) {
        await expect(operator.kubectl([...account, `--audience=${google}`, ...more])).rejects.toThrow('Offboard makes tokens that last no longer than 600 s');
      }
    }
  });

  it.each<readonly [string, string, string]>([
    ['kube-controller', 'kube-system', 'Offboard makes no tokens of accounts in namespace "kube-system"'],
    ['default', 'offboard-system', 'Offboard makes no tokens of accounts in namespace "offboard-system"'],
    ['neighbour', 'offboard-system', 'Offboard makes no tokens of accounts in namespace "offboard-system"'],
    ['default', 'ci', 'Offboard makes no token of a default ServiceAccount'],
  ])('of account %s in %s is not made by the operator', async (name, namespace, refusal) => {
    await root.kubectl(['create', 'serviceaccount', name, '-n', namespace]).catch(() => undefined);
    await expect(operator.kubectl(['create', 'token', name, '-n', namespace, `--audience=${google}`, short])).rejects.toThrow(refusal);
  });

  it('of the account of its own name in another namespace is one like any other', async () => {
    expect(claims(await operator.kubectl([...(await ofCi('offboard')), `--audience=${google}`, short]))).toMatchObject({ sub: 'system:serviceaccount:ci:offboard' });
  });

  describe('bound to the Secret of a canary', () => {
    const api = 'https://kubernetes.default.svc.cluster.local';
    const inCluster = 'https://container.googleapis.com/v1/projects/acme-ci/locations/europe-west1/clusters/ci';
    /** Bound to a Secret of that name beside it, which is there. */
    const boundTo = async (secret: string, namespace = 'ci'): Promise<readonly string[]> => {
      await root.kubectl(create, canary(secret, {}, namespace)).catch(() => undefined);
      const uid = await root.kubectl(['get', 'secret', secret, '-n', namespace, '-o', 'jsonpath={.metadata.uid}']);
      return ['--bound-object-kind=Secret', `--bound-object-name=${secret}`, `--bound-object-uid=${uid}`];
    };

    it('is made by the operator for the API server, by whatever name that has, and works', async () => {
      for (const audiences of [[], [`--audience=${api}`], ['--audience=https://kubernetes.default.svc'], [`--audience=${api}`, '--audience=https://kubernetes.default.svc'], [`--audience=${inCluster}`]]) {
        const token = (await operator.kubectl([...(await ofCi()), ...(await boundTo('offboard-canary-4')), ...audiences, short])).trim();
        expect(claims(token)).toMatchObject({ aud: audiences.length === 0 ? [api] : audiences.map((each) => each.replace('--audience=', '')) });
        if (audiences.length === 0) expect((await cluster.request('/api', { token })).status).toBe(200);
      }
    });

    it('is made for nobody else, nor for somebody else as well', async () => {
      const bound = await boundTo('offboard-canary-4');
      for (const audiences of [['vault'], ['sts.amazonaws.com'], [api, 'vault'], ['https://container.googleapis.com/v1/projects/x/clusters/y'], [`${api}.example.com`]]) {
        await expect(operator.kubectl([...(await ofCi()), ...bound, ...audiences.map((each) => `--audience=${each}`), short])).rejects.toThrow('spec.audiences: Offboard makes ');
      }
      // Two policies say no, and an API server tells the words of either.
      const words = [`canaries for "${api}", "https://kubernetes.default.svc" only, not for "sts.amazonaws.com"; what the API server takes may be added to the policies`, 'tokens of identities for workload identity pools of Google Cloud only'];
      const refused = await operator.kubectl([...(await ofCi()), ...bound, '--audience=sts.amazonaws.com', short]).catch((error: unknown) => String(error));
      expect(words.some((each) => refused.includes(`spec.audiences: Offboard makes ${each}`)), refused).toBe(true);
    });

    it('is made for Google Cloud as one that is not bound, and for one pool alone', async () => {
      const bound = await boundTo('offboard-canary-4');
      expect(claims(await operator.kubectl([...(await ofCi()), ...bound, `--audience=${google}`, short]))).toMatchObject({ aud: [google] });
      for (const other of [gke, api]) {
        await expect(operator.kubectl([...(await ofCi()), ...bound, `--audience=${google}`, `--audience=${other}`, short])).rejects.toThrow('spec.audiences: Offboard makes ');
      }
    });

    it('is not made to last, be it asked for or left to Kubernetes', async () => {
      for (const more of [['--duration=601s'], []]) {
        await expect(operator.kubectl([...(await ofCi()), ...(await boundTo('offboard-canary-4')), ...more])).rejects.toThrow('Offboard makes tokens that last no longer than 600 s');
      }
    });

    it.each<readonly [string, string, string]>([
      ['offboard', 'offboard-system', 'spec.audiences: Offboard makes tokens for "vault", "bao" and workload identity pools of Google Cloud only'],
      ['neighbour', 'offboard-system', 'Offboard makes no tokens of accounts in namespace "offboard-system"'],
      ['kube-controller', 'kube-system', 'Offboard makes no tokens of accounts in namespace "kube-system"'],
      ['default', 'ci', 'Offboard makes no token of a default ServiceAccount'],
    ])('is not made of account %s in %s', async (name, namespace, refusal) => {
      await root.kubectl(['create', 'serviceaccount', name, '-n', namespace]).catch(() => undefined);
      await expect(operator.kubectl(['create', 'token', name, '-n', namespace, ...(await boundTo('offboard-canary-4', namespace)), short])).rejects.toThrow(refusal);
    });

    it('is not made where it is bound to something else', async () => {
      await expect(operator.kubectl([...(await ofCi()), ...(await boundTo('canary-4')), short])).rejects.toThrow('spec.audiences: Offboard makes tokens ');
      const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'offboard-canary-5', namespace: 'ci' }, spec: { serviceAccountName: 'of-a-pod', containers: [{ name: 'a', image: 'a' }] } };
      const args = await ofCi('of-a-pod');
      await root.kubectl(create, pod);
      await expect(operator.kubectl([...args, '--bound-object-kind=Pod', '--bound-object-name=offboard-canary-5', short])).rejects.toThrow('spec.audiences: Offboard makes tokens ');
    });
  });

  it('is made by anybody else as RBAC lets them', async () => {
    const other = await person(cluster, 'minter', { everywhere: everything });
    await root.kubectl(['create', 'serviceaccount', 'any', '-n', 'kube-system']);
    await other.kubectl(['create', 'token', 'any', '-n', 'kube-system', '--duration=1h']);
  });
});
