/**
 * How others let go of what they retire, as small functions: the part of each that says when it is over, and nothing else of them. Each
 * is named by what it does, with the public source that shows it. What they all do well is done for each: errors that they do not
 * take for an end are tried again.
 */
import { setTimeout as delay } from 'node:timers/promises';

/** Of one request: its status, 404 where it says that there is no such thing, or 0 where there was no whole answer in the form of the dependency. */
export type Reply = number;

/** One credential, as a client of the dependency sees it. */
export interface Remote {
  readonly find: () => Promise<Reply>;
  readonly end: () => Promise<Reply>;
}

export interface Policy {
  readonly name: string;
  readonly words: string;
  readonly shownBy: string;
  readonly source: string;
  /** Resolves to true when it says that it is over; to false where it is to be asked again. */
  readonly attempt: (remote: Remote) => Promise<boolean>;
}

const isDone = (reply: Reply): boolean => reply >= 200 && reply < 300;

const secretsOperator = 'https://github.com/hashicorp/vault-secrets-operator/blob/9b840a5a0c3455278d580418d6336f2011cf8574/controllers';
const boundary = 'https://github.com/hashicorp/boundary/blob/01cd5c86e8602aa9babc54b07e51ef7b8445e0b6/internal/credential/vault/jobs.go';
const configConnector = 'https://github.com/GoogleCloudPlatform/k8s-config-connector/blob/cdb85ecf17085561b9f4abc75a95107cb01446d9/pkg/controller/direct/directbase/directbase_controller.go';
const crossplane = 'https://github.com/crossplane/crossplane-runtime/blob/4e7ed235565d24a6f6ad255aeacb82f09973b875/pkg/reconciler/managed/reconciler.go';

export const policies: readonly Policy[] = [
  {
    name: 'let go on error',
    words: 'the revoke is tried once, and the finalizer goes whatever came of it',
    shownBy: 'Vault Secrets Operator, dynamic secrets',
    source: `${secretsOperator}/vaultdynamicsecret_controller.go#L805-L827`,
    attempt: async ({ end }) => {
      await end();
      return true;
    },
  },
  {
    name: 'let go first',
    words: 'the finalizer goes, and then the revoke is tried once',
    shownBy: 'Vault Secrets Operator, PKI',
    source: `${secretsOperator}/vaultpkisecret_controller.go#L338-L366`,
    attempt: ({ end }) => {
      end().catch(() => undefined);
      return Promise.resolve(true);
    },
  },
  {
    name: 'a failed find is absent',
    words: 'an error of the read is passed over, and what was not found needs no revoke',
    shownBy: 'Config Connector, direct controller',
    source: `${configConnector}#L357-L399`,
    attempt: async ({ find, end }) => !isDone(await find()) || isDone(await end()),
  },
  {
    name: '400 is revoked',
    words: 'a revoke that is answered with 400 is taken for done, as one that is accepted is',
    shownBy: 'Boundary, leases',
    source: `${boundary}#L766-L775`,
    attempt: async ({ end }) => {
      const reply = await end();
      return reply === 400 || isDone(reply);
    },
  },
  {
    name: '403 is revoked',
    words: 'a revoke that is answered with 403 is taken for done, as one that is accepted is',
    shownBy: 'Boundary, tokens',
    source: `${boundary}#L434-L443`,
    attempt: async ({ end }) => {
      const reply = await end();
      return reply === 403 || isDone(reply);
    },
  },
  {
    name: '200 is proof',
    words: 'a revoke that is accepted is the end',
    shownBy: 'Config Connector, direct controller',
    source: `${configConnector}#L401-L417`,
    attempt: async ({ end }) => isDone(await end()),
  },
  {
    name: 'absent once is absent',
    words: 'it is revoked until a read says that it is not there, once',
    shownBy: 'crossplane-runtime',
    source: `${crossplane}#L1241-L1298`,
    attempt: async ({ find, end }) => {
      const reply = await find();
      if (reply === 404) return true;
      if (isDone(reply)) await end();
      return false;
    },
  },
];

/** Milliseconds between two attempts. */
const pause = 500;

/** Until it says that it is over; undefined where it does not in time. */
export const followPolicy = async ({ attempt }: Policy, remote: Remote, time: number): Promise<'over' | undefined> => {
  const end = performance.now() + time;
  while (performance.now() < end) {
    if (await attempt(remote)) return 'over';
    await delay(pause);
  }
  return undefined;
};
