/** `offboard start`: asks for the end of an identity. */
import { readFile } from 'node:fs/promises';
import { conditionOf, conditionTypes } from '../../api/v1alpha1/conditions.ts';
import { isAlreadyExists, isNotFound } from '../../kube/errors.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { offboardings, serviceAccounts, workloadIdentities } from '../../kube/resources.ts';
import type { Resource } from '../../kube/resources.ts';
import { withCluster } from '../cluster.ts';
import type { Cluster } from '../cluster.ts';
import { CannotError, exitCodes, unreadable } from '../command.ts';
import type { Command, Io } from '../command.ts';
import { nearest } from '../near.ts';
import { serialised, withoutManagedFields } from '../output.ts';
import { isMeant, notMeant, whoAmI } from '../people.ts';
import type { RunObject } from '../runs.ts';
import { offboardLine, quoted } from '../shell.ts';
import { follow } from '../status/follow.ts';
import { isReady } from '../status/parts.ts';
import { manifestOf, questionOf, readManifest } from './manifest.ts';
import type { Manifest } from './manifest.ts';
import { readOptions, startFlags } from './options.ts';
import type { StartOptions } from './options.ts';

export const startCommand: Command = {
  name: 'start',
  summary: 'retires an identity: asks Offboard to end all of its access',
  about: [
    'Retires an identity: creates an Offboarding that names a WorkloadIdentity. From then on Offboard locks it, ends each of its credentials, proves the end, and signs a record of it.',
    'What is revoked cannot be given back, so somebody at a terminal is asked whether that is meant. A soak leaves time to cancel.',
  ],
  usage: '[IDENTITY] [flags]',
  flags: startFlags,
  exitCodes: {
    [exitCodes.yes]: 'it was created; with --wait: it is Ready, or the plan is made',
    [exitCodes.no]: 'it was not meant; with --wait: it is over and not Ready, or not over in time',
    [exitCodes.unusable]: 'it could not be created: wrong flags, no such identity, refused, no cluster',
  },
  examples: [
    { line: 'kubectl offboard start build-agent-7 -n ci --soak 24h' },
    { text: 'a leaked token, and a pipeline that goes on when it is of no use', line: 'kubectl offboard start build-agent-7 -n ci --emergency --wait --timeout 30m' },
    { text: 'the manifest of it, checked by the API server and not stored', line: 'kubectl offboard start build-agent-7 -n ci --dry-run -o yaml' },
    { line: 'kubectl offboard start -f offboarding.yaml' },
  ],
  completes: 'workloadidentities',
  run: async (args, io) => {
    const options = readOptions(args);
    return withCluster(options.cluster, io, (cluster) => start(cluster, options, io));
  },
};

const start = async (cluster: Cluster, options: StartOptions, io: Io): Promise<number> => {
  const manifest = await manifestFor(cluster, options, io);
  await checkIdentity(cluster, manifest);
  const acts = manifest.spec.mode === 'Enforce' && !options.dryRun;
  if (acts && !(await isMeant(questionOf(manifest), options.yes, io))) return notMeant;
  const run = await create(cluster, manifest, options.dryRun);
  if (options.format !== undefined && !options.wait) io.out(serialised(options.format, withoutManagedFields(run)));
  else if (options.format === undefined) io.out(`offboarding.offboard.dev/${run.metadata.name} created${options.dryRun ? ' (dry run: nothing is stored)' : ''}\n`);
  if (options.wait) return outcomeOf(await follow(cluster, run, io, options));
  if (!options.dryRun) io.err(`To see how far it is: ${offboardLine('status', run.metadata.name, '-n', run.metadata.namespace ?? '', '--watch')}\n`);
  return exitCodes.yes;
};

const outcomeOf = (run: RunObject | undefined): number => {
  if (run === undefined) return exitCodes.no;
  const isMade = run.spec.mode === 'Plan' && conditionOf(run.status, conditionTypes.planned)?.status === 'True';
  return isMade || isReady(run) ? exitCodes.yes : exitCodes.no;
};

const manifestFor = async (cluster: Cluster, { source, cluster: { namespace } }: StartOptions, io: Io): Promise<Manifest> => {
  if (source.kind === 'Flags') return manifestOf(source.wanted, cluster.namespace, await whoAmI(cluster));
  const { file, name } = source;
  return readManifest(file === '-' ? 'standard input' : file, file === '-' ? await io.stdin() : await readText(file), name, { asked: namespace, usual: cluster.namespace });
};

const readText = async (file: string): Promise<string> => {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw unreadable(file, error);
  }
};

const create = async ({ client, signal }: Cluster, manifest: Manifest, dryRun: boolean): Promise<RunObject> => {
  const { name, namespace } = manifest.metadata;
  try {
    return await client.create<RunObject>(offboardings, namespace, manifest, { dryRun, signal });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    throw new CannotError(`there is an Offboarding "${name}" in namespace ${namespace} already: ${offboardLine('status', name, '-n', namespace)} shows it, and --name gives this one another name`);
  }
};

/** Offboard would wait for it to be made. Whoever may not look is not helped, nor held up. */
const checkIdentity = async (cluster: Cluster, { metadata: { namespace }, spec }: Manifest): Promise<void> => {
  const [resource, name] = spec.workloadIdentityRef === undefined ? [serviceAccounts, spec.identity?.serviceAccount.name] : [workloadIdentities, spec.workloadIdentityRef.name];
  if (name === undefined || spec.workloadIdentityRef?.namespace !== undefined || spec.identity?.serviceAccount.mayBeAbsent === true) return;
  try {
    await cluster.client.get(resource, { namespace, name }, { metadataOnly: true, signal: cluster.signal });
  } catch (error) {
    if (isNotFound(error, resource, name)) throw new CannotError(await missing(cluster, resource, namespace, name));
  }
};

const missing = async (cluster: Cluster, resource: Resource, namespace: string, name: string): Promise<string> => {
  const none = `there is no ${resource.kind} "${name}" in namespace ${namespace}`;
  const here = await namesIn(cluster, resource, { namespace });
  const near = nearest(name, here.map((each) => each.name));
  if (near !== undefined) return `${none}: did you mean ${near}?`;
  const [elsewhere] = await namesIn(cluster, resource, { fieldSelector: `metadata.name=${name}` });
  if (elsewhere?.namespace !== undefined) return `${none}; there is one in ${elsewhere.namespace}: -n ${quoted(elsewhere.namespace)}`;
  if (resource !== workloadIdentities) return none;
  const accounts = await namesIn(cluster, serviceAccounts, { namespace, fieldSelector: `metadata.name=${name}` });
  return accounts.length === 0 ? none : `${none}; the ServiceAccount of that name is retired by ${offboardLine('start', '--service-account', name, '-n', namespace)}`;
};

const namesIn = async ({ client, signal }: Cluster, resource: Resource, query: { readonly namespace?: string; readonly fieldSelector?: string }): Promise<readonly KubeObject['metadata'][]> => {
  try {
    return (await client.list(resource, { ...query, metadataOnly: true }, { signal })).items.map(({ metadata }) => metadata);
  } catch {
    return [];
  }
};
