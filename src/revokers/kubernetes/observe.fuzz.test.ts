import fc from 'fast-check';
import { describe, it } from 'vitest';
import { createFakeClock } from '../../../test/fakes/clock.ts';
import { holds, holdsInTime } from '../../../test/fuzz/property.ts';
import { bindings, identity } from '../../../test/fuzz/subjects.ts';
import type { PlacedBinding } from '../../../test/fuzz/subjects.ts';
import type { RoleBinding } from '../../kube/objects.ts';
import type { Credential, Observation } from '../revoker.ts';
import { createIntern, keysOf, projectBinding } from './bindings.ts';
import type { ClusterReader, Read } from './client.ts';
import { createDeletions } from './deletions.ts';
import { accountId, accessId, bindingId, certificateId, secretId, tokensId } from './ids.ts';
import { usersOf } from './identity.ts';
import { observe, toldGone } from './observe.ts';
import type { Observers } from './observe.ts';

const { serviceAccount } = identity;
const uids = fc.constantFrom<string | undefined>(undefined, 'uid-agent', 'uid-1', 'uid-2', '', '__proto__');

const credentials: fc.Arbitrary<Credential> = fc
  .tuple(
    fc.constantFrom(
      { id: accountId(serviceAccount), class: 'ServiceAccount' },
      { id: tokensId(serviceAccount), class: 'BoundTokens' },
      { id: secretId({ namespace: 'ci', name: 'a' }), class: 'TokenSecret' },
      { id: bindingId({ kind: 'RoleBinding', namespace: 'ci', name: 'b' }), class: 'RoleBinding' },
      { id: bindingId({ kind: 'RoleBinding', namespace: 'ci', name: 'b'.repeat(2_000) }), class: 'RoleBinding' },
      { id: bindingId({ kind: 'ClusterRoleBinding', name: 'b' }), class: 'ClusterRoleBinding' },
      ...usersOf(identity).map((user) => ({ id: accessId(user), class: 'Access' })),
      { id: certificateId('agent.example.com'), class: 'Certificate' },
      { id: certificateId('somebody'), class: 'Certificate' },
      { id: 'x', class: 'RoleBinding' },
      { id: accountId(serviceAccount), class: 'Lease' },
    ),
    uids,
    fc.option(fc.subarray(['ClusterRole/edit in ci', 'ClusterRole/view in all namespaces']), { nil: undefined }),
  )
  .map(([named, uid, grants]): Credential => ({ ...named, ...(uid !== undefined && { uid }), ...(grants && { grants }), end: { by: 'Revoke' }, seen: true }));

const viewOf = (all: readonly PlacedBinding[]): { readonly bindingsOf: (key: string) => readonly ReturnType<typeof projectBinding>[]; readonly tokenSecretsOf: undefined } => {
  const projected = all.map(({ kind, raw }) => projectBinding(kind, raw, createIntern()));
  return { bindingsOf: (key) => projected.filter((binding) => keysOf(binding).some((each) => each === key)), tokenSecretsOf: undefined };
};

const names = ({ subjects }: PlacedBinding, user: string): boolean =>
  subjects.some(({ subject: { kind, name }, own }) => own && (kind === 'User' ? name === user : user === 'system:serviceaccount:ci:agent'));

describe('what the watches tell by themselves', () => {
  it('is an end of an object only where they saw this very one go', () => {
    holds(
      fc.property(credentials, fc.uniqueArray(uids.filter((uid) => uid !== undefined)), fc.array(bindings, { maxLength: 3 }), (credential, gone, left) => {
        const deletions = createDeletions();
        for (const uid of gone) deletions.add(uid);
        if (credential.class === 'Access') return true;
        const told = toldGone({ sawDeleted: deletions.has, unsynced: () => [], view: viewOf(left) }, credential);
        return (told?.state === 'Absent') === (credential.uid !== undefined && gone.includes(credential.uid));
      }),
      600,
    );
  });

  it('is an end of access only where they have all listed and no binding names the user in any form', () => {
    const access = fc.tuple(fc.constantFrom(...usersOf(identity)), fc.subarray(['ClusterRole/edit in ci', 'Role/x in ops']));
    holds(
      fc.property(access, fc.array(bindings, { maxLength: 3 }), fc.subarray(['rolebindings', 'secrets']), ([user, grants], left, waiting) => {
        const told = toldGone({ sawDeleted: () => true, unsynced: () => waiting, view: viewOf(left) }, { id: accessId(user), class: 'Access', grants, end: { by: 'Others' }, seen: false });
        const isGone = waiting.length === 0 && grants.length > 0 && !left.some((binding) => names(binding, user));
        return (told?.state === 'Absent') === isGone;
      }),
      600,
    );
  });

  it('is never that something is there, or could not be told', () => {
    holds(fc.property(credentials, fc.boolean(), (credential, sawDeleted) => [undefined, 'Absent'].includes(toldGone({ sawDeleted: () => sawDeleted, unsynced: () => [], view: viewOf([]) }, credential)?.state)));
  });
});

describe('what is remembered of deletions', () => {
  it('holds the last ones, none that was not told, and never many', () => {
    const uidsOfFew = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
    const few = fc.array(fc.constantFrom(...uidsOfFew), { maxLength: 30 });
    holds(
      fc.property(few, fc.integer({ min: 1, max: 5 }), (told, limit) => {
        const deletions = createDeletions(limit);
        told.forEach((uid, index) => {
          deletions.add(uid);
          const last = told.slice(Math.max(0, index + 1 - limit), index + 1);
          for (const each of last) if (!deletions.has(each)) throw new Error(`forgot ${each}`);
          const known = uidsOfFew.filter(deletions.has);
          if (known.some((each) => !told.slice(0, index + 1).includes(each))) throw new Error('one was not told');
          if (known.length > 2 * limit) throw new Error(`remembers ${known.length}`);
        });
      }),
    );
  });
});

const metadata = fc.record({ uid: fc.constantFrom('uid-agent', 'uid-1', 'uid-new'), deletionTimestamp: fc.option(fc.constant('2026-11-23T10:00:00Z'), { nil: undefined }), finalizers: fc.subarray(['a.example.com/keep', 'b\u202e']) });
type Answer = { readonly state: 'Absent' } | { readonly state: 'Unknown' } | { readonly state: 'throws' } | { readonly state: 'Present'; readonly object: RoleBinding };

const answers: fc.Arbitrary<Answer> = fc.oneof(
  fc.constantFrom<Answer>({ state: 'Absent' }, { state: 'Unknown' }, { state: 'throws' }),
  { weight: 3, arbitrary: fc.tuple(bindings, metadata).map(([{ raw }, { deletionTimestamp, ...rest }]): Answer => ({ state: 'Present', object: { ...raw, metadata: { ...raw.metadata, ...rest, ...(deletionTimestamp !== undefined && { deletionTimestamp }) } } })) },
);

const readerOf = (answer: Answer): ClusterReader => {
  const read = (): Promise<Read<never>> => {
    if (answer.state === 'throws') return Promise.reject(new Error('no'));
    if (answer.state === 'Unknown') return Promise.resolve({ state: 'Unknown', message: 'x', error: new Error('x') });
    return Promise.resolve(answer as Read<never>);
  };
  const binding = answer.state === 'Present' ? projectBinding('RoleBinding', answer.object, createIntern()) : undefined;
  return {
    account: read, tokenSecret: read, binding: read, role: read,
    sweep: () => (answer.state === 'throws' || answer.state === 'Unknown' ? Promise.reject(new Error('no')) : Promise.resolve({ ...viewOf([]), bindingByUid: (uid) => (binding?.uid === uid ? binding : undefined) })),
  };
};

const observersOf = (answer: Answer): Observers => ({ reader: readerOf(answer), clock: createFakeClock(), accessReview: () => Promise.resolve<Observation>({ state: answer.state === 'throws' ? 'Unknown' : answer.state, method: 'access' }) });

describe('what is asked of the API server', () => {
  it('is an end only by its word that there is no such object, or another in its place, or none of ours in it', async () => {
    await holdsInTime(
      fc.asyncProperty(credentials.filter(({ class: kind }) => kind !== 'Access' && kind !== 'Certificate'), answers, async (credential, answer) => {
        const { state } = await observe(observersOf(answer), credential, identity, new AbortController().signal);
        if (state !== 'Absent') return;
        if (credential.uid === undefined) throw new Error('of something whose UID nobody knows');
        if (answer.state === 'throws' || answer.state === 'Unknown') throw new Error('by no answer');
        if (answer.state === 'Absent' || answer.object.metadata.uid !== credential.uid) return;
        if (!credential.class.endsWith('Binding')) throw new Error('it is there');
        const place = answer.object.metadata.namespace;
        for (const { kind, name, namespace } of answer.object.subjects ?? []) {
          if (kind === 'User' && usersOf(identity).includes(name)) throw new Error(`it names ${name}`);
          if (kind === 'ServiceAccount' && name === 'agent' && (namespace === undefined || namespace === '' ? place : namespace) === 'ci') throw new Error('it names the account');
        }
      }),
      600,
    );
  });

  it('is Unknown where asking fails, and an end where there is no such binding', async () => {
    await holdsInTime(
      fc.asyncProperty(credentials, answers, async (credential, answer) => {
        const { state } = await observe(observersOf(answer), credential, identity, new AbortController().signal);
        if (answer.state === 'throws' && credential.class !== 'Certificate' && state !== 'Unknown') throw new Error(`${state} by a failure`);
        if (credential.class !== 'RoleBinding' || credential.uid === undefined || answer.state !== 'Absent') return;
        if (credential.id !== 'x' && state !== 'Absent') throw new Error(`${state}, and there is none`);
      }),
    );
  });
});
