import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../src/kube/objects.ts';
import { createMoments } from './moments.ts';
import type { Incident } from './plan.ts';

const person = { namespace: 'ci', name: 'agent-1' };
const kill: Incident = { at: 300, kind: 'Kill', replica: 0, for: 1_000, since: { moment: 'Announced', identity: 1 } };
const suspend: Incident = { at: 5, kind: 'Person', act: 'Suspend', identity: 1, since: { moment: 'Started', identity: 1 } };
const timed: Incident = { at: 0, kind: 'Kill', replica: 0, for: 1_000 };

const run = (status: object): { readonly plural: string; readonly object: KubeObject } => ({
  plural: 'offboardings',
  object: { apiVersion: 'offboard.dev/v1alpha1', kind: 'Offboarding', metadata: { name: 'retire', namespace: 'ci', uid: '1', resourceVersion: '1', creationTimestamp: '' }, status } as KubeObject,
});

const setUp = () => {
  const happened: (readonly [number, Incident])[] = [];
  const moments = createMoments({
    identities: [{ namespace: 'ci', name: 'agent-0' }, person], incidents: [kill, suspend, timed],
    endsLater: (lasts, end) => {
      happened.push([lasts, timed]);
      end();
    },
    happen: (incident) => {
      const [delay] = happened.pop() ?? [0];
      happened.push([delay, incident]);
    },
  });
  return { moments, happened };
};

describe('what waits for a moment of a run', () => {
  it('happens so long after it, once', () => {
    const { moments, happened } = setUp();
    moments.onStored(run({ identity: 'ci/agent-1', startedAt: '2026-06-01T00:00:00Z' }));
    expect(happened).toEqual([[5, suspend]]);
    moments.onStored(run({ identity: 'ci/agent-1', startedAt: '2026-06-01T00:00:00Z', revokeStartedAt: '2026-06-01T00:00:01Z' }));
    moments.onStored(run({ identity: 'ci/agent-1', startedAt: '2026-06-01T00:00:00Z', revokeStartedAt: '2026-06-01T00:00:01Z' }));
    expect(happened).toEqual([[5, suspend], [300, kill]]);
  });

  it('does not happen for another identity, nor for what is no run', () => {
    const { moments, happened } = setUp();
    moments.onStored(run({ identity: 'ci/agent-0', startedAt: '2026-06-01T00:00:00Z' }));
    moments.onStored({ ...run({ identity: 'ci/agent-1', startedAt: '2026-06-01T00:00:00Z' }), plural: 'offboardingrecords' });
    expect(happened).toEqual([]);
  });
});
