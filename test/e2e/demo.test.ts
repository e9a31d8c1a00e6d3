import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';

it('make demo shows each access path alive and then refused, with the default settle time of the cluster, and stops everything', () => {
  const demo = spawnSync(process.execPath, ['test/demo/demo.ts'], { encoding: 'utf8', timeout: 110_000 });
  expect(demo.stderr).toBe('');
  expect(demo.status).toBe(0);
  for (const name of ['requested token', 'legacy token']) {
    expect(demo.stdout).toMatch(new RegExp(`alive +${name} .* 200`));
    expect(demo.stdout).toMatch(new RegExp(`dead +${name} .* 401`));
  }
  for (const name of ['RoleBinding in ci', 'RoleBinding in ci-artifacts', 'ClusterRoleBinding']) {
    expect(demo.stdout).toMatch(new RegExp(`alive +${name} .* 200`));
    expect(demo.stdout).toMatch(new RegExp(`dead +${name} .* 403`));
  }
  expect(demo.stdout).toMatch(/alive +Vault token .* 200/);
  expect(demo.stdout).toMatch(/dead +Vault token .* 403/);
  expect(demo.stdout).toMatch(/alive +leased PostgreSQL user .* ok/);
  expect(demo.stdout).toMatch(/dead +leased PostgreSQL user .* refused/);
  expect(demo.stdout.split('\n', 1)[0]).toContain('a protocol fake of Google Cloud IAM');
  for (const [name, answer] of Object.entries({ 'Google access token': 401, 'Google login by workload': 403, 'Google service account key': 400 })) {
    expect(demo.stdout).toMatch(new RegExp(`alive +${name} .* 200`));
    expect(demo.stdout).toMatch(new RegExp(`dead +${name} .* ${answer}`));
  }
  expect(demo.stdout).toMatch(/access lasted less than \d+\.\d s after the request/);
  expect(demo.stdout).toMatch(/14 credentials: 1 probed, 13 observed\n +signature ok \(key [0-9a-f]{16}\), schema ok, claims ok/);
  expect(demo.stdout).toMatch(/chain 0000000001 to 0000000001, 1 record, ok/);
  expect(demo.stdout).toMatch(/refused +kubectl create serviceaccount .* serviceaccount ci\/build-agent-7 is offboarded/);
  expect(demo.stdout).toMatch(/refused +kubectl create rolebinding .* ci\/build-agent-7/);
  expect(demo.stdout).toContain('everything is stopped');
  expect(demo.stdout.split('\n').filter((line) => line.length > 120)).toEqual([]);
});
