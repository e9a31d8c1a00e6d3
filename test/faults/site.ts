/** The real servers, the operator as its own process behind a proxy to the API server, and an oracle beside it that goes straight to them all. */
import { connect } from '../bench/api.ts';
import { startOracle } from '../e2e/oracle.ts';
import type { Oracle } from '../e2e/oracle.ts';
import { startControlPlane } from '../env/control-plane.ts';
import type { ControlPlane } from '../env/control-plane.ts';
import { startGoogleCloudWorld } from '../env/google-cloud-world.ts';
import type { GoogleCloudWorld } from '../env/google-cloud-world.ts';
import { installOperatorAccount } from '../env/operator-account.ts';
import { startOperator } from '../env/operator.ts';
import type { OperatorProcess } from '../env/operator.ts';
import { startProxy } from '../env/proxy.ts';
import type { Exchange } from '../env/proxy.ts';
import { startVaultWorld } from '../env/vault-world.ts';
import type { VaultWorld } from '../env/vault-world.ts';
import { installOffboard } from '../integration/install.ts';
import { insistent } from '../soak/agents.ts';
import type { Insist } from '../soak/agents.ts';
import type { Fault } from './catalogue.ts';
import type { Obstacle } from './obstacle.ts';

/** Where all identities live, and where they have a grant besides. */
export const home = 'agents';
export const elsewhere = 'agents-elsewhere';

/** Longer than any fault that says of what is there that it is not. */
const usualSettle = 15;

export interface Site {
  /** Seconds for which an absence must hold, everywhere. */
  readonly settle: number;
  readonly cluster: ControlPlane;
  readonly insist: Insist;
  readonly oracle: Oracle;
  readonly operator: OperatorProcess;
  readonly vault: VaultWorld;
  readonly google: GoogleCloudWorld;
  /** Between the operator and the API server, for what is about one identity. */
  readonly between: { readonly put: (obstacle: Obstacle) => void; readonly takeAway: (obstacle: Obstacle) => void };
  /** Between the operator and the API server, for everybody. */
  readonly everybody: Pick<Obstacle, 'raise' | 'lift' | 'struck'>;
  readonly stop: () => Promise<void>;
}

export const startSite = async ({ settle = usualSettle }: Partial<Pick<Site, 'settle'>> = {}): Promise<Site> => {
  const cluster = await startControlPlane();
  const undo: (() => Promise<unknown>)[] = [cluster.stop];
  const stop = async (): Promise<void> => {
    for (const each of undo.toReversed()) await each().catch(() => undefined);
  };
  try {
    const [vault, google] = await Promise.all([startVaultWorld({ cluster }), startGoogleCloudWorld(cluster), installOffboard(cluster)]);
    undo.push(vault.stop, google.stop);
    const token = await installOperatorAccount(cluster, { canaryNamespaces: [home] });
    await cluster.kubectl(['create', 'namespace', elsewhere]);
    await cluster.kubectl(['label', 'namespace', home, 'example.com/faults=yes']);
    const gates = createGates();
    const proxy = await startProxy(cluster, { token, ...gates });
    undo.push(proxy.stop);
    const args = [`--kubernetes-settle=${String(settle)}s`, '--allow-loopback-http', '--leader-election=false'];
    const operator = await startOperator(cluster, { kubeconfig: proxy.kubeconfig, args, patience: 120_000 });
    undo.push(() => operator.stop('SIGKILL'));
    const oracle = await startOracle(cluster);
    undo.push(oracle.stop);
    const api = connect({ kubeconfig: cluster.kubeconfig, userAgent: 'faults', connections: 8 });
    undo.push(api.close);
    return { settle, cluster, insist: insistent(api), oracle, operator, vault, google, between: gates, everybody: gates, stop };
  } catch (error) {
    await stop();
    throw error;
  }
};

/** Asks every obstacle that is about a request, and knows the faults that meet everybody. */
const createGates = () => {
  const obstacles = new Set<Obstacle>();
  let raised: { readonly fault: Fault; readonly over: Promise<undefined>; readonly end: () => void } | undefined;
  let struck = 0;
  const about = (asked: Exchange): Obstacle | undefined => {
    const all = [...obstacles].filter((each) => each.concerns(asked));
    return all.find((each) => each.isRaised()) ?? all[0];
  };
  const isWatch = ({ path }: Exchange): boolean => path.includes('watch=true');
  const isBindings = ({ method, path }: Exchange): boolean => method === 'GET' && !path.includes('watch=') && /\/(?:cluster)?rolebindings\?/.test(path);

  return {
    put: (obstacle: Obstacle) => void obstacles.add(obstacle),
    takeAway: (obstacle: Obstacle) => void obstacles.delete(obstacle),
    raise: (fault: Fault) => {
      const { promise: over, resolve } = Promise.withResolvers<undefined>();
      raised = { fault, over, end: () => { resolve(undefined); } };
      struck = 0;
    },
    lift: () => {
      raised?.end();
      raised = undefined;
    },
    struck: () => struck,
    onRequest: async (asked: Exchange) => {
      if (raised?.fault.does.kind === 'NoSecondPage' && isBindings(asked)) {
        if (!asked.path.includes('continue=')) return { send: { path: asked.path.replace(/limit=\d+/, 'limit=1'), body: '' } };
        struck += 1;
        await raised.over;
        return false;
      }
      return (await about(asked)?.gates.onRequest(asked)) ?? true;
    },
    onAnswer: async (seen: Exchange & { readonly status: number }) => {
      if (isWatch(seen)) {
        return {
          hears: () => {
            if (raised?.fault.does.kind !== 'Deafen') return true;
            struck += 1;
            return false;
          },
          keeps: (line: string) => [...obstacles].every((each) => each.keeps(line)),
        };
      }
      return (await about(seen)?.gates.onAnswer(seen)) ?? true;
    },
  };
};
