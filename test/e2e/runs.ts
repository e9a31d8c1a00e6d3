/** What the stages with a system beside the cluster have in common: how an agent's run `retire` begins, is changed, and ends. */
import type { DependencyStatus } from '../../src/api/v1alpha1/index.ts';
import type { BuildAgent } from '../env/build-agent.ts';
import { waitFor } from '../env/wait-for.ts';
import type { Stage } from './stage.ts';

/** Of the Ready condition of a run that has ended: open watches, at least, are never provable. */
export const done = 'ConfirmedWithUnprovable';

type Named = Pick<BuildAgent, 'namespace' | 'name'>;

export const retiring = ({ namespace, name }: Named, dependencies: string, spec = ''): string => `
apiVersion: offboard.dev/v1alpha1
kind: Offboarding
metadata: {name: retire, namespace: ${namespace}}
spec:
  identity: {serviceAccount: {name: ${name}}, dependencies: [${dependencies}]}
  reason: Retired
  ${spec.includes('mode:') ? '' : 'mode: Enforce'}
  ${spec}
`;

/** Changes the spec of the run. */
export const changeRun = ({ cluster }: Pick<Stage, 'cluster'>, { namespace }: Pick<Named, 'namespace'>, spec: object): Promise<string> =>
  cluster.kubectl(['patch', 'offboarding', 'retire', '-n', namespace, '--type=merge', '-p', JSON.stringify({ spec })]);

/** What the run says of one of its dependencies. */
export const dependencyOfRun = async (stage: Pick<Stage, 'run'>, { namespace }: Pick<Named, 'namespace'>, dependency: string): Promise<DependencyStatus | undefined> =>
  (await stage.run(namespace, 'retire'))?.status?.dependencies?.find(({ name }) => name === dependency);

/** Everything that it says of one of its dependencies, once it says this. */
export const saysOf = (stage: Pick<Stage, 'run'>, agent: Named, dependency: string, text: string | RegExp): Promise<string> =>
  waitFor(
    async () => {
      const { message = '', lastError, credentials = [] } = (await dependencyOfRun(stage, agent, dependency)) ?? {};
      const all = [message, lastError?.message ?? '', ...credentials.map((each) => each.message ?? '')].join('\n');
      return all.match(text) === null ? undefined : all;
    },
    { what: `the status of ${agent.name} to say ${String(text)}`, timeout: 60_000 },
  );

/** Until the run tells that it cannot go on there. */
export const failsAt = (stage: Pick<Stage, 'run'>, agent: Named, dependency: string): Promise<unknown> =>
  waitFor(async () => (await dependencyOfRun(stage, agent, dependency))?.lastError !== undefined, { what: `the run of ${agent.name} to tell a failure`, timeout: 110_000 });
