/** What to do about the reason of a condition: in words, and as commands to be copied. Pure. */
import { reasons } from '../../api/v1alpha1/conditions.ts';
import type { DependencyStatus } from '../../api/v1alpha1/index.ts';
import { offboardLine, quoted } from '../shell.ts';
import type { Shown } from '../status/parts.ts';

export interface Next {
  readonly text: string;
  readonly commands: readonly string[];
}

export interface About {
  readonly run: Shown;
  readonly dependency: DependencyStatus | undefined;
}

export const nextFor = (reason: string, about: About): Next => ways[reason]?.(about) ?? otherwise(about);

type Way = (about: About) => Next;

const itself = 'then nothing else is needed';

const here = ({ metadata }: Shown): readonly string[] => (metadata.namespace === undefined ? [] : ['-n', metadata.namespace]);

const whom = ({ spec, status }: Shown): readonly string[] =>
  spec.workloadIdentityRef === undefined ? ['--service-account', spec.identity?.serviceAccount.name ?? status?.target?.serviceAccount.name ?? 'NAME'] : [spec.workloadIdentityRef.name];

const status = ({ run }: About): string => offboardLine('status', run.metadata.name, ...here(run), '--watch');

const patch = ({ run }: About, spec: object): string =>
  ['kubectl', 'patch', 'offboarding', run.metadata.name, ...here(run), '--type=merge', '-p', JSON.stringify({ spec })].map(quoted).join(' ');

/** Only once the run has that dependency, and it is not the one who asked that may. */
const waive = ({ run, dependency }: About): readonly string[] =>
  dependency === undefined ? [] : [offboardLine('waive', run.metadata.name, '--dependency', dependency.name, '--justification', 'WHY', '--expires', '7d', ...here(run))];

const connector = ({ run, dependency }: About): readonly string[] => {
  const declared = run.status?.target?.dependencies?.find(({ name }) => name === dependency?.name);
  const name = (declared?.vault ?? declared?.googleCloud)?.connectorRef.name;
  return name === undefined ? [] : [['kubectl', 'describe', 'connector', name].map(quoted).join(' ')];
};

/** Something is to be mended elsewhere; or somebody else gives it up for a time. */
const mended = (what: string, more: (about: About) => readonly string[] = () => []): Way => (about) => {
  const ways = waive(about);
  return { text: `${what}, ${itself}.${ways.length === 0 ? '' : ' Or somebody who did not ask for the run gives it up for a time:'}`, commands: [...more(about), ...ways] };
};

const byItself = (text: string): Way => (about) => ({ text, commands: [status(about)] });

const anew: Way = (about) => ({
  text: 'This run can never work as it is. Delete it, and ask for it anew with a spec that can:',
  commands: [['kubectl', 'delete', 'offboarding', about.run.metadata.name, ...here(about.run)].map(quoted).join(' ')],
});

const shared = mended('Do what it says, or leave it to the others');
const atConnector = mended('Mend the connector', connector);

const ways: Readonly<Record<string, Way>> = {
  [reasons.revocationStuck]: mended('Mend it behind that system (docs/runbooks/revocation-stuck.md)'),
  [reasons.contradicted]: mended('See to it that what answers for it tells the truth, and that it is gone'),
  [reasons.permissionMissing]: mended('Give Offboard what it says', connector),
  [reasons.managedElsewhere]: mended('Take it out of whatever puts it back'),
  [reasons.sharedAccount]: shared,
  [reasons.sharedRole]: shared,
  [reasons.sharedEntity]: shared,
  [reasons.sharedLeasePath]: shared,
  [reasons.sharedAcrossClusters]: shared,
  [reasons.identityRecreated]: mended('The new account is left alone. Where it should not be there, take it out of whatever makes it'),
  [reasons.notGranted]: atConnector,
  [reasons.connectorNotReady]: atConnector,
  [reasons.loginRefused]: atConnector,
  [reasons.secretMissing]: atConnector,
  [reasons.wrongAudience]: atConnector,
  [reasons.mountNotFound]: atConnector,
  [reasons.dependencyUnavailable]: (about) => ({ text: 'Nothing is needed once it answers again. While it does not:', commands: [...connector(about), status(about)] }),
  [reasons.inUse]: (about) => ({
    text: `End what still runs as the identity, ${itself}. Or go on without:`,
    commands: [patch(about, { urgency: 'Emergency' })],
  }),
  [reasons.invalidSpec]: anew,
  [reasons.identityNotFound]: (about) => ({
    text: `Make the WorkloadIdentity, ${itself}. Or delete this run:`,
    commands: [['kubectl', 'delete', 'offboarding', about.run.metadata.name, ...here(about.run)].map(quoted).join(' ')],
  }),
  [reasons.identityUnknown]: anew,
  [reasons.uidMismatch]: anew,
  [reasons.lockNotInstalled]: () => ({ text: `Install the admission policies, ${itself}:`, commands: ['kubectl apply --server-side -f config/policies/'] }),
  [reasons.signingKeyMissing]: () => ({ text: `Make the key as it says, ${itself}.`, commands: [] }),
  [reasons.resurrected]: (about) => ({
    text: 'Nothing is revoked by itself. Where it should be there, have a WorkloadIdentity supersede the record (docs/runbooks/resurrected.md). Where it should not, take it out of whatever makes it, and retire it again:',
    commands: [offboardLine('start', ...whom(about.run), '--name', `${about.run.metadata.name}-again`, '--emergency', ...here(about.run))],
  }),
  [reasons.planOnly]: (about) => ({ text: 'It is a plan, and does nothing. To have it done:', commands: [patch(about, { mode: 'Enforce' })] }),
  [reasons.suspended]: (about) => ({ text: 'Somebody wants it so. To have it go on:', commands: [patch(about, { suspend: false })] }),
  [reasons.cancelled]: () => ({ text: 'Nothing was revoked, and what it had locked is unlocked. Nothing is needed.', commands: [] }),
  [reasons.superseded]: (about) => ({ text: 'Another run for the same identity does it. To see that one:', commands: [offboardLine('status', ...here(about.run))] }),
  [reasons.soaking]: (about) => ({
    text: 'Nothing is wrong: until then everything can be taken back. To take it back, or to go on at once:',
    commands: [offboardLine('cancel', about.run.metadata.name, '--reason', 'WHY', ...here(about.run)), patch(about, { soak: '0s' })],
  }),
  [reasons.waitingForOtherRun]: (about) => ({ text: 'It goes on once that run has ended. To see that one:', commands: [offboardLine('status', ...here(about.run))] }),
  [reasons.waitingForExpiry]: (about) => ({ text: `Nobody can revoke that: it is waited out.${waive(about).length === 0 ? '' : ' Or somebody who did not ask for the run gives it up until then:'}`, commands: waive(about) }),
  [reasons.starting]: byItself('Nothing is wrong, and nothing is needed. To see it go on:'),
  [reasons.revoking]: byItself('Nothing is wrong, and nothing is needed. To see it go on:'),
  [reasons.settling]: byItself('Nothing is wrong, and nothing is needed: what is gone must stay so for a while before it is believed. To see it go on:'),
  [reasons.recording]: byItself('All of it is proven gone; only its record is missing, and is tried again. To see it go on:'),
  [reasons.confirmed]: ({ run: { status: { recordRef } = {} } }) => ({
    text: 'Nothing is needed. To check its record, against a key that you trust:',
    commands: [offboardLine('verify', '--from-cluster', ...(recordRef === undefined ? [] : ['--expect-head', `${recordRef.name}@${recordRef.digest}`]), '--key', 'FILE')],
  }),
  [reasons.completedWithWaivers]: ({ run, dependency }) => ({
    text: 'It ended by a decision, and is open again when that ends; what is left is worked on as before. To see who decided:',
    commands: [['kubectl', 'describe', 'offboardingwaiver', ...(dependency?.waiver === undefined ? [] : [dependency.waiver.name]), ...here(run)].map(quoted).join(' ')],
  }),
};

const otherwise: Way = (about) => {
  const ways = waive(about);
  return ways.length === 0 ? { text: `Do what it says, ${itself}. To see all of it:`, commands: [status(about)] } : { text: `Do what it says, ${itself}. Or somebody who did not ask for the run gives it up for a time:`, commands: ways };
};
