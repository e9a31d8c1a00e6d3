import { execFileSync } from 'node:child_process';

import { describe, expect, it } from 'vitest';

import type { Binding } from './bindings.ts';
import { deleteAccountCommand, deleteBindingCommand, removeSubjectsCommand } from './commands.ts';

const binding = (part: Partial<Binding>): Binding => ({
  kind: 'RoleBinding',
  namespace: 'ci',
  name: 'shared',
  uid: 'u',
  roleKind: 'ClusterRole',
  roleName: 'edit',
  subjects: [
    { index: 0, kind: 'ServiceAccount', name: 'bot' },
    { index: 3, kind: 'User', name: 'system:serviceaccount:ci:bot' },
  ],
  subjectCount: 5,
  ...part,
});

/** The words that a shell makes of a command. */
const words = (command: string | undefined): readonly string[] =>
  execFileSync('bash', ['-c', `printf '%s\\0' ${command ?? ''}`])
    .toString('utf8')
    .split('\0')
    .slice(0, -1);

describe('removeSubjectsCommand', () => {
  it('tests each place before it removes it, from the last to the first', () => {
    const [kubectl, patch, what, flag, namespace, type, option, operations] = words(
      removeSubjectsCommand(binding({}), binding({}).subjects),
    );
    expect([kubectl, patch, what, flag, namespace, type, option]).toEqual([
      'kubectl',
      'patch',
      'rolebinding/shared',
      '-n',
      'ci',
      '--type=json',
      '-p',
    ]);
    expect(JSON.parse(operations ?? '')).toEqual([
      {
        op: 'test',
        path: '/subjects/3',
        value: { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'system:serviceaccount:ci:bot' },
      },
      { op: 'remove', path: '/subjects/3' },
      { op: 'test', path: '/subjects/0', value: { kind: 'ServiceAccount', name: 'bot' } },
      { op: 'remove', path: '/subjects/0' },
    ]);
  });

  it.each(['--force', "x'; touch /tmp/x; '", '$(id)', 'a b', '\u001b[2Jx', '`id`\n'])(
    'keeps the hostile name %j one word that is no flag',
    (name) => {
      const command = removeSubjectsCommand(binding({ name }), [{ index: 0, kind: 'User', name: "o'neil" }]);
      expect(words(command)).toContain(`rolebinding/${name}`);
      expect(command).not.toMatch(/[\u0000-\u001f]/);
    },
  );

  it('is given whole or not at all', () => {
    expect(removeSubjectsCommand(binding({ name: 'x'.repeat(700) }), binding({}).subjects)).toBeUndefined();
  });

  it('names no namespace for a ClusterRoleBinding', () => {
    const { namespace: _, ...clusterWide } = binding({ kind: 'ClusterRoleBinding' });
    expect(words(deleteBindingCommand(clusterWide))).toEqual(['kubectl', 'delete', 'clusterrolebinding/shared']);
  });
});

describe('deleteAccountCommand', () => {
  it('deletes the account in its namespace', () => {
    expect(deleteAccountCommand({ namespace: 'ci', name: 'bot' })).toBe('kubectl delete serviceaccount/bot -n ci');
  });
});
