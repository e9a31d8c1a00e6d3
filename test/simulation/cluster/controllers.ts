/** What kube-controller-manager does of its own, a moment after it was asked for. */
import { namespaces, secrets, serviceAccounts } from '../../../src/kube/resources.ts';
import type { Random } from '../../../src/runtime/random.ts';
import { between } from '../engine/random.ts';
import type { Scheduler } from '../engine/scheduler.ts';
import { type Kind, kindFor, kinds } from './kinds.ts';
import type { Entry, Store } from './store.ts';
import { accountAnnotation, accountUidAnnotation, tokenSecretType, type Tokens } from './tokens.ts';
import type { Author, Writes } from './writes.ts';

export interface Controllers {
  /** Milliseconds more that they take from now on; infinite while none of them runs. */
  readonly setDelay: (milliseconds: number) => void;
}

interface ControllerOptions {
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly store: Store;
  readonly writes: Writes;
  readonly tokens: Tokens;
  readonly authorOf: (user: string) => Author;
}

const accounts = kindFor(serviceAccounts);
const secretKind = kindFor(secrets);
const namespaceKind = kindFor(namespaces);

interface SecretFields {
  readonly type?: string;
  readonly data?: Readonly<Record<string, string>>;
}

/** Measured: the token Secrets of an account are gone after 27 to 74 ms, an empty namespace after 3 to 5 s. */
export const createControllers = ({ scheduler, random, store, writes, tokens, authorOf }: ControllerOptions): Controllers => {
  let delay = 0;
  const late: (() => void)[] = [];
  const soon = (least: number, most: number, act: () => void): void => {
    const takes = between(random, least, most);
    if (delay === Infinity) late.push(act);
    else scheduler.after(takes + delay, act);
  };
  const tokenController = authorOf('system:serviceaccount:kube-system:tokens-controller');
  const namespaceController = authorOf('system:serviceaccount:kube-system:namespace-controller');

  /** Fills a token in, or removes the Secret whose account is not there. */
  const lookAtSecret = (namespace: string | undefined, name: string): void => {
    const secret = store.find(secretKind, namespace, name);
    if (secret === undefined || (secret.object as SecretFields).type !== tokenSecretType) return;
    const { metadata: { annotations = {} } } = secret.object;
    const account = store.find(accounts, namespace, annotations[accountAnnotation] ?? '');
    const uid = annotations[accountUidAnnotation];
    if (account === undefined || (uid !== undefined && uid !== account.object.metadata.uid)) {
      writes.remove(secretKind, namespace, name, { uid: secret.object.metadata.uid }, tokenController);
      return;
    }
    const { data } = secret.object as SecretFields;
    if (data?.['token'] !== undefined && uid !== undefined) return;
    const token = data?.['token'] ?? Buffer.from(tokens.issueLegacy(account, name).text).toString('base64');
    const body = { metadata: { annotations: { [accountUidAnnotation]: account.object.metadata.uid } }, data: { token } };
    writes.patch(secretKind, namespace, name, { type: 'merge', body, status: false }, tokenController);
  };
  const removeTokensOf = ({ namespace, name }: Entry): void => {
    for (const secret of store.entries(secretKind)) {
      if (secret.namespace === namespace && secret.object.metadata.annotations?.[accountAnnotation] === name) lookAtSecret(namespace, secret.name);
    }
  };
  const contentOf = (namespace: string): readonly Entry[] =>
    kinds.filter(({ namespaced }) => namespaced).flatMap((kind: Kind) => store.entries(kind).filter((entry) => entry.namespace === namespace));
  const finishNamespace = (name: string): void => {
    const found = store.find(namespaceKind, undefined, name);
    if (found?.object.metadata.deletionTimestamp === undefined) return;
    for (const { kind, name: each, object } of contentOf(name)) {
      if (object.metadata.deletionTimestamp === undefined) writes.remove(kind, name, each, {}, namespaceController);
    }
    const left = contentOf(name);
    if (left.length === 0) {
      store.remove(found, namespaceController.by);
      return;
    }
    const counts = new Map<string, number>();
    for (const { kind } of left) counts.set(`${kind.plural}.${kind.group}`, (counts.get(`${kind.plural}.${kind.group}`) ?? 0) + 1);
    const message = `Some resources are remaining: ${[...counts].map(([what, count]) => `${what} has ${String(count)} resource instances`).join(', ')}`;
    const conditions = [{ type: 'NamespaceContentRemaining', status: 'True', reason: 'SomeResourcesRemain', message }];
    writes.patch(namespaceKind, undefined, name, { type: 'merge', body: { status: { phase: 'Terminating', conditions } }, status: true }, namespaceController);
  };

  store.onCommit(({ type, entry, previous }) => {
    const { kind, namespace, name } = entry;
    if (kind === accounts && type === 'DELETED') soon(25, 75, () => { removeTokensOf(entry); });
    else if (kind === secretKind && type !== 'DELETED' && (entry.object as SecretFields).type === tokenSecretType) soon(20, 60, () => { lookAtSecret(namespace, name); });
    else if (kind === namespaceKind && type === 'MODIFIED' && previous?.object.metadata.deletionTimestamp === undefined) soon(4_000, 5_500, () => { finishNamespace(name); });
    if (type !== 'DELETED' || namespace === undefined) return;
    if (store.find(namespaceKind, undefined, namespace)?.object.metadata.deletionTimestamp !== undefined) soon(3_000, 5_000, () => { finishNamespace(namespace); });
  });
  return {
    setDelay: (milliseconds) => {
      delay = milliseconds;
      if (delay === Infinity) return;
      for (const act of late.splice(0)) scheduler.after(delay, act);
    },
  };
};
