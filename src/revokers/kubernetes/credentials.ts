/** What in the cluster is a credential of one identity: pure, from what was read to what is reported. */
import { reasons } from '../../api/v1alpha1/conditions.ts';
import type { Finding, Target } from '../../api/v1alpha1/index.ts';
import type { Credential, CredentialEnd, Inventory } from '../revoker.ts';
import { type Binding, ownSubjects } from './bindings.ts';
import { deleteAccountCommand } from './commands.ts';
import { type AccountName, accountUser, type SubjectKey, userKey, usersOf } from './identity.ts';
import { accessId, accountId, bindingId, certificateId, grantText, secretId, tokensId } from './ids.ts';
import { printable } from '../text.ts';

/** A ServiceAccount as it is now. */
export interface Account extends AccountName {
  readonly uid: string;
  /** Deletion was asked for and somebody's finalizer holds it: it goes on minting tokens. */
  readonly terminating: boolean;
  readonly finalizers: readonly string[];
  readonly manager?: string | undefined;
}

/** A legacy token Secret by its metadata alone. */
export interface TokenSecret {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** The ServiceAccount, by name, in the same namespace. */
  readonly account: string;
  /** The UID of the ServiceAccount whose token it holds; empty until the controller filled it in. */
  readonly accountUid?: string | undefined;
  readonly manager?: string | undefined;
}

/** A binding that names the identity, and how its grant ends. */
export interface OwnBinding {
  readonly binding: Binding;
  readonly end: CredentialEnd;
}

/** Everything that was read for one inventory. */
export interface Facts {
  readonly target: Target;
  readonly account: Account | undefined;
  readonly bindings: readonly OwnBinding[];
  /** Bindings to groups that every ServiceAccount of the namespace is in. */
  readonly inherited: readonly Binding[];
  /** `undefined` when Secrets are not listed. */
  readonly tokenSecrets: readonly TokenSecret[] | undefined;
  /** Milliseconds for which an API server may take a token after its end is believed. */
  readonly tail: number;
}

const maxAccessGrants = 16;
const maxInherited = 16;
const revoke: CredentialEnd = { by: 'Revoke' };
const others: CredentialEnd = { by: 'Others' };

export const toInventory = (facts: Facts): Inventory => ({
  credentials: [
    ...accountCredentials(facts),
    ...secretCredentials(facts),
    ...facts.bindings.map((own) => bindingCredential(own, userKeysOf(facts.target))),
    ...certificateCredentials(facts.target),
    ...accessCredentials(facts),
  ],
  findings: [...inheritedFindings(facts.inherited), ...standingFindings(facts)],
});

/** All subjects are the identity's own, so that the binding as a whole can go. */
export const isSole = (binding: Binding, users: ReadonlySet<SubjectKey>): boolean =>
  binding.subjectCount > 0 && ownSubjects(binding, users).length === binding.subjectCount;

export const userKeysOf = (target: Target): ReadonlySet<SubjectKey> => new Set(usersOf(target).map(userKey));

const accountCredentials = ({ target, account }: Facts): readonly Credential[] => {
  const { uid } = target.serviceAccount;
  const id = accountId(target.serviceAccount);
  const seen = uid !== undefined && account?.uid === uid;
  const manager = account?.manager;
  const own: readonly Credential[] =
    uid === undefined
      ? []
      : [
          { id, uid, class: 'ServiceAccount', end: revoke, seen, ...(seen && manager !== undefined && { manager }) },
          { id: tokensId(target.serviceAccount), uid, class: 'BoundTokens', end: others, seen },
        ];
  return account === undefined || seen ? own : [...own, strangerCredential(account, uid)];
};

/** An account of the identity's name that is not the identity: told, and left alone. */
const strangerCredential = (account: Account, expected: string | undefined): Credential => {
  const which =
    expected === undefined
      ? 'which did not exist when the run began'
      : `which is not the one that is being retired (UID ${expected})`;
  return {
    id: accountId(account),
    uid: account.uid,
    class: 'ServiceAccount',
    end: {
      by: 'Person',
      reason: reasons.identityRecreated,
      message:
        `there is a ServiceAccount ${account.namespace}/${account.name} with UID ${account.uid}, ${which}; ` +
        'it is left alone. ' +
        `Delete it (${deleteAccountCommand(account)}), or retire it with an Offboarding that pins this UID`,
    },
    seen: true,
    ...(account.manager !== undefined && { manager: account.manager }),
  };
};

/** Those of a re-created account belong to that account, and are left alone with it. */
const secretCredentials = ({ target, account, tokenSecrets = [] }: Facts): readonly Credential[] => {
  const stranger = account !== undefined && account.uid !== target.serviceAccount.uid ? account.uid : undefined;
  return tokenSecrets
    .filter((secret) => stranger === undefined || secret.accountUid !== stranger)
    .map((secret) => ({
      id: secretId(secret),
      uid: secret.uid,
      class: 'TokenSecret',
      grants: [`a token of ${accountUser(target.serviceAccount)} that never expires`],
      end: revoke,
      seen: true,
      ...(secret.manager !== undefined && { manager: secret.manager }),
    }));
};

const bindingCredential = ({ binding, end }: OwnBinding, users: ReadonlySet<SubjectKey>): Credential => {
  const sharedWith = othersOf(binding, users);
  return {
    id: bindingId(binding),
    uid: binding.uid,
    class: binding.kind,
    grants: [grantText(binding)],
    end,
    ...(sharedWith.length > 0 && { sharedWith }),
    seen: true,
    ...(binding.manager !== undefined && { manager: binding.manager }),
  };
};

/** Who keeps the grant. Groups of people are only counted. */
const othersOf = (binding: Binding, users: ReadonlySet<SubjectKey>): readonly string[] => {
  const own = new Set(ownSubjects(binding, users));
  const named = binding.subjects
    .filter((subject) => !own.has(subject))
    .map(({ kind, name, namespace = binding.namespace }) => printable(kind === 'ServiceAccount' ? `${kind} ${namespace ?? ''}/${name}` : `${kind} ${name}`, 400));
  const groups = binding.subjectCount - binding.subjects.length;
  return [...new Set(named), ...(groups === 0 ? [] : [groups === 1 ? 'a group' : `${String(groups)} groups`])];
};

const certificateCredentials = (target: Target): readonly Credential[] =>
  (target.certificates ?? []).map(({ commonName, notAfter }) => ({
    id: certificateId(commonName),
    class: 'Certificate',
    end: { by: 'Expiry', at: new Date(notAfter) },
    seen: false,
  }));

/** One for each user name; its grants are what there is to try, also after the bindings are gone. */
const accessCredentials = ({ target, bindings }: Facts): readonly Credential[] =>
  usersOf(target).map((user) => {
    const key = new Set([userKey(user)]);
    const grants = bindings
      .filter(({ binding }) => ownSubjects(binding, key).length > 0)
      .map(({ binding }) => grantText(binding));
    return {
      id: accessId(user),
      class: 'Access',
      grants: [...new Set(grants)].sort().slice(0, maxAccessGrants),
      end: others,
      seen: false,
    };
  });

const inheritedFindings = (bindings: readonly Binding[]): readonly Finding[] => {
  const shown = bindings.slice(0, maxInherited).map((binding): Finding => ({
    type: 'Inherited',
    object: printable(bindingId(binding)),
    message: printable(
      `grants ${grantText(binding)} to a group that every ServiceAccount here is in; it ends with the account and is left as it is`,
      1024,
    ),
  }));
  const more = bindings.length - shown.length;
  return more <= 0
    ? shown
    : [
        ...shown,
        {
          type: 'Inherited',
          message: `${String(more)} more bindings grant roles to groups that every ServiceAccount here is in`,
        },
      ];
};

const standingFindings = ({ target, tokenSecrets, tail }: Facts): readonly Finding[] => [
  ...(tokenSecrets === undefined
    ? [
        {
          type: 'NotEnumerated' as const,
          object: `secrets in ${target.serviceAccount.namespace}`,
          message:
            'legacy token Secrets are not listed (the operator may not read Secrets); with the ServiceAccount the API servers refuse their tokens, ' +
            'and whoever checks them by their signature alone accepts them for ever',
        },
      ]
    : []),
  ...(tail > 0
    ? [
        {
          type: 'NotProvable' as const,
          object: tokensId(target.serviceAccount),
          message:
            `an API server goes on for ten seconds to accept a token that it accepted, and the settle time is ${String(tail / 1_000)} s shorter: ` +
            'nobody sees the end of that. Give the operator a --kubernetes-settle of ten seconds or more',
        },
      ]
    : []),
  ...(target.certificates ?? []).map(({ commonName, notAfter }): Finding => ({
    type: 'NotProvable',
    object: printable(certificateId(commonName)),
    message: `nobody has seen it: that it ends at ${notAfter}, and that there is no other of its name, is what whoever declared it says`,
  })),
  {
    type: 'NotProvable',
    object: `open watches of ${accountUser(target.serviceAccount)}`,
    message:
      'a watch that was opened before the end goes on until its own time-out: the API server checks access only when ' +
      'a request begins. Only restarting the API servers ends it earlier',
  },
];
