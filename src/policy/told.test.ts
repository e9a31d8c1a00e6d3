import { describe, expect, it } from 'vitest';
import { told } from './told.ts';

describe('a text in a status', () => {
  it('stays on its line, shows what is invisible, and holds no secret', () => {
    expect(told('rolebindings/ci/a\nb\u001b[31m\u202e: still there')).toBe(String.raw`rolebindings/ci/a\nb\u001b[31m\u202e: still there`);
    expect(told('eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl keeps putting it back')).toBe('[redacted] keeps putting it back');
  });

  it('is cut between characters, and stays as it is when it is told again', () => {
    const once = told('😀'.repeat(2_000), 1_024);
    expect(once.length).toBeLessThanOrEqual(1_024);
    expect(once.isWellFormed()).toBe(true);
    expect(told(once, 1_024)).toBe(once);
  });

  it('keeps UIDs, digests, permissions and commands as they are', () => {
    const text =
      'serviceaccounts/ci/agent has UID 5f0c2d8e-97b1-4c56-9d1e-0a1b2c3d4e5f; may not bind clusterroles.rbac.authorization.k8s.io "view" in namespace "ci"; ' +
      `run: kubectl patch rolebinding/deploy -n ci --type=json -p '[{"op":"test","path":"/subjects/0","value":{"kind":"User","apiGroup":"rbac.authorization.k8s.io","name":"jane"}},{"op":"remove","path":"/subjects/0"}]'`;
    expect(told(text)).toBe(text);
  });
});
