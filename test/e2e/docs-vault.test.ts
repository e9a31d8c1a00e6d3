/** The commands of the guide for Vault and of its runbook, on a real OpenBao whose database refuses to let a user go. */
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { documented } from '../docs/documented.ts';
import { waitFor } from '../env/control-plane.ts';
import { requireOpenbao } from '../env/tools/openbao.ts';
import { startVaultWorld } from '../env/vault-world.ts';
import type { VaultWorld } from '../env/vault-world.ts';
import { filled, openShell } from './docs-shell.ts';
import type { Shell } from './docs-shell.ts';
import { letOperatorIn } from './documented-vault.ts';
import { offboardingOf, startStage } from './stage.ts';
import type { Stage } from './stage.ts';

let stage: Stage;
let world: VaultWorld;
let shell: Shell;
let bao: string;

beforeAll(async () => {
  stage = await startStage();
  world = await startVaultWorld({ cluster: stage.cluster });
  shell = await openShell(stage.cluster.kubeconfig);
  const ca = join(shell.folder, 'ca.pem');
  writeFileSync(ca, world.bao.ca);
  bao = `export PATH=${dirname(await requireOpenbao())}:$PATH BAO_ADDR=${world.bao.url} BAO_TOKEN=${world.bao.token} BAO_CACERT=${ca}`;
});
afterAll(async () => {
  shell.remove();
  await stage.stop();
  await world.stop();
});

it('connects a Vault by the guide, and mends a revocation that is stuck by its runbook', async () => {
  await letOperatorIn(world.bao);
  await shell.run(documented('docs/vault.md', 'Set-up in ten lines', 'kubectl apply'));
  const own = { address: world.bao.url, caBundle: world.bao.ca, kubernetesAuthMounts: [{ path: 'kubernetes' }] };
  await stage.cluster.kubectl(['patch', 'connector.offboard.dev', 'vault-prod', '--type=merge', '-p', JSON.stringify({ spec: { vault: own, timing: { settle: '1s' } } })]);
  await shell.run(documented('docs/vault.md', 'Set-up in ten lines', 'kubectl wait'));

  await stage.cluster.kubectl(['create', 'namespace', 'ci']);
  await stage.cluster.kubectl(['create', 'serviceaccount', 'build-agent-7', '-n', 'ci']);
  const agent = await world.addAgent('build-agent-7', { namespace: 'ci' });
  const lease = await (await agent.login()).lease();
  await world.stick(lease);
  // Who has a namespace of his own in the context need not name it.
  const inCi = stage.cluster.kubeconfigFor({ as: 'admin', asGroups: ['system:masters'], namespace: 'ci' });
  expect(await shell.run(documented('docs/reference/cli.md', 'kubectl offboard discover', 'kubectl offboard discover build-agent-7 --connector'), { kubeconfig: inCi })).toContain('vault-prod');

  const vault = `{name: vault, vault: {connectorRef: {name: vault-prod}, roles: [${agent.role}], leases: [{prefix: ${agent.prefix}, exclusive: true}]}}`;
  await stage.apply(offboardingOf({ namespace: 'ci', name: 'build-agent-7' }, 'run').replace('serviceAccount: {name: build-agent-7}', `serviceAccount: {name: build-agent-7}, dependencies: [${vault}]`));
  await stage.reason('ci', 'run', 'RevocationStuck');

  await waitFor(async () => (await shell.run(documented('docs/runbooks/revocation-stuck.md', 'See what the backend says', 'kubectl get events'))).includes('offboarding/run'), { what: 'the event' });
  const why = await shell.run(filled(documented('docs/runbooks/revocation-stuck.md', 'See what the backend says', 'kubectl offboard why'), { RUN: 'run', NAMESPACE: 'ci' }), { code: 1 });
  expect(why).toMatch(/^vault is /);
  const said = await shell.run(filled(documented('docs/runbooks/revocation-stuck.md', 'See what the backend says', 'kubectl get offboarding RUN'), { RUN: 'run', NAMESPACE: 'ci' }));
  expect(said).toContain('cannot be dropped');
  const asVaultAdmin = (command: string): string => `${bao}\n${filled(command, command.includes('LEASE_ID') ? { LEASE_ID: lease.id } : {})}`;
  expect(await shell.run(asVaultAdmin(documented('docs/runbooks/revocation-stuck.md', 'See what the backend says', 'bao lease lookup')))).toContain(lease.id);
  await shell.run(asVaultAdmin(documented('docs/runbooks/revocation-stuck.md', 'See what the backend says', 'bao read')));
  await world.unstick(lease);
  await shell.run(asVaultAdmin(documented('docs/runbooks/revocation-stuck.md', 'See what the backend says', 'bao lease revoke')));
  expect(await lease.login()).toBe('refused');
  await stage.reason('ci', 'run', 'ConfirmedWithUnprovable', 420_000);
}, 500_000);
