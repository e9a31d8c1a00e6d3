/** How a test brings back what the lock keeps away: as somebody who may edit the policies and does, for a moment. */
import type { ControlPlane } from './control-plane.ts';
import { waitFor } from './wait-for.ts';

type LockPolicy = 'identity' | 'pods' | 'secrets' | 'bindings';

/** Takes the binding of that policy off until `work` is not denied by it any more, and puts it back. One at a time for each cluster. */
export const pastTheLock = async (cluster: ControlPlane, policy: LockPolicy, work: () => Promise<unknown>): Promise<void> => {
  const name = `offboard-lock-${policy}`;
  const before = turns.get(cluster) ?? Promise.resolve();
  const mine = before.then(async () => {
    const binding = JSON.parse(await cluster.kubectl(['get', 'validatingadmissionpolicybindings', name, '-o', 'json'])) as { metadata: { name: string }; spec: unknown };
    await cluster.kubectl(['delete', 'validatingadmissionpolicybindings', name]);
    try {
      const isThrough = (): Promise<boolean> =>
        work().then(
          () => true,
          (error: unknown) => {
            if (String(error).includes(name)) return false;
            throw error;
          },
        );
      await waitFor(async () => (await isThrough()) || undefined, { what: `the policy ${name} to let it through`, interval: 50 });
    } finally {
      const { apiVersion, kind } = { apiVersion: 'admissionregistration.k8s.io/v1', kind: 'ValidatingAdmissionPolicyBinding' };
      const again = { apiVersion, kind, metadata: { name: binding.metadata.name }, spec: binding.spec };
      await cluster.kubectl(['apply', '--server-side', '-f', '-'], { stdin: JSON.stringify(again) });
    }
  });
  turns.set(cluster, mine.catch(() => undefined));
  await mine;
};

const turns = new WeakMap<ControlPlane, Promise<unknown>>();
