/** What every revoker must hold to. Each rule is a small story on a stage of its own; it throws when the revoker breaks it. */
import { expect } from 'vitest';

import { OutcomeError } from '../../src/runtime/outcome.ts';
import type { Credential, Observation } from '../../src/revokers/revoker.ts';
import { controlRules } from './control-rules.ts';
import { lockRules } from './lock-rules.ts';
import { faults, type Stage } from './stage.ts';
import { failed, faultDepth, fresh, key, never, observe, remembered, revocable, type Rule, soon, under } from './steps.ts';

const listsAll: Rule = {
  name: 'lists every credential that is there, each once',
  check: async (stage) => {
    for (const freshness of ['Fresh', 'Cached'] as const) {
      const { credentials } = await stage.revoker.inventory(stage.target, freshness, never());
      expect(
        credentials.map(({ id }) => id),
        freshness,
      ).toEqual(expect.arrayContaining([...stage.planted]));
      expect(new Set(credentials.map(key)).size, `${freshness}: ids are unique`).toBe(credentials.length);
    }
  },
};

const plainFacts: Rule = {
  name: 'describes itself and its credentials within the limits of the API',
  check: async (stage) => {
    const { revoker } = stage;
    for (const word of [revoker.kind, revoker.name]) expect(word).toMatch(/^[a-z][-a-z0-9]{0,62}$/);
    expect(revoker.settleTime).toBeGreaterThanOrEqual(0);
    expect(Number.isFinite(revoker.settleTime)).toBe(true);
    expect(Number.isInteger(revoker.concurrency) && revoker.concurrency >= 1).toBe(true);
    if (revoker.lock.kind === 'NotLockable') expect(revoker.lock.explanation).not.toBe('');
    const { credentials, findings } = await fresh(stage);
    for (const { id, class: kind, grants = [], end } of credentials) {
      expect(id.length > 0 && id.length <= 1024, id).toBe(true);
      expect(kind).toMatch(/^[A-Z][A-Za-z0-9]*$/);
      expect(grants.length).toBeLessThanOrEqual(16);
      if (end.by === 'Expiry') expect(Number.isNaN(end.at.getTime())).toBe(false);
      if (end.by === 'Person') {
        expect(end.reason).toMatch(/^[A-Z][A-Za-z0-9]*$/);
        expect(end.message.length).toBeGreaterThan(20);
      }
    }
    expect(findings.length).toBeLessThanOrEqual(64);
    for (const { object = '', message } of findings) expect(object.length <= 1024 && message.length <= 1024).toBe(true);
  },
};

const looksWithoutTouching: Rule = {
  name: 'writes nothing while it looks',
  check: async (stage) => {
    const before = stage.writes();
    const foreign = await stage.foreign();
    const { credentials } = await fresh(stage);
    await stage.revoker.inventory(stage.target, 'Cached', never());
    await stage.revoker.preflight(stage.target, credentials, never());
    await stage.revoker.usage(stage.target, never());
    for (const credential of credentials) await observe(stage, credential);
    expect(stage.writes()).toBe(before);
    expect(await stage.foreign()).toEqual(foreign);
  },
};

const wholeOrError: Rule = {
  name: 'gives a whole inventory or an error, never a shorter list',
  check: async (stage) => {
    const whole = (await fresh(stage)).credentials.map(key).sort();
    for (const fault of faults) {
      for (let after = 0; after < faultDepth; after += 1) {
        const result = await under(stage, fault, after, () => fresh(stage));
        if (result.status === 'rejected')
          expect(result.reason, `${fault} after ${String(after)}`).toBeInstanceOf(OutcomeError);
        else expect(result.value.credentials.map(key).sort(), `${fault} after ${String(after)}`).toEqual(whole);
      }
    }
  },
};

const namesPermissions: Rule = {
  name: 'names what it may not do',
  check: async (stage) => {
    const { credentials } = await fresh(stage);
    expect(await stage.revoker.preflight(stage.target, credentials, never()), 'all is allowed at first').toEqual([]);
    await stage.deny();
    // Answers may be remembered, for as long as a person who grants something would wait.
    await stage.advance(60_000);
    const missing = await stage.revoker.preflight(stage.target, credentials, never());
    expect(missing.length).toBeGreaterThan(0);
    for (const { permission, message } of missing) {
      expect(permission).not.toBe('');
      expect(message).toContain(permission);
    }
  },
};

const preflightFails: Rule = {
  name: 'does not take an unanswered preflight for a permission',
  check: async (stage) => {
    const { credentials } = await fresh(stage);
    for (const fault of faults) {
      const revoker = await stage.restart();
      const result = await under(stage, fault, 0, () => revoker.preflight(stage.target, credentials, never()));
      if (result.status === 'fulfilled') expect(result.value, fault).not.toEqual([]);
      else expect(result.reason, fault).toBeInstanceOf(OutcomeError);
    }
  },
};

const seesWhatIsThere: Rule = {
  name: 'sees what is there',
  check: async (stage) => {
    for (const credential of await revocable(stage)) {
      expect(await stage.exists(credential), `${credential.id}: the stage must hold it`).toBe(true);
      expect(await observe(stage, credential), credential.id).toMatchObject({ state: 'Present' });
    }
  },
};

const endsOnlyByItself: Rule = {
  name: 'gives a time only to what ends by itself and is there',
  check: async (stage) => {
    for (const credential of (await fresh(stage)).credentials) {
      const { state, expiresAt } = await observe(stage, credential);
      if (expiresAt === undefined) continue;
      expect([credential.end.by, state], credential.id).toEqual(['Expiry', 'Present']);
      expect(Number.isNaN(expiresAt.getTime()), credential.id).toBe(false);
    }
  },
};

const unknownIsNotAbsent: Rule = {
  name: 'says Unknown, and never rejects, when it cannot tell',
  check: async (stage) => {
    const { credentials } = await fresh(stage);
    const truth = new Map<string, Observation['state']>();
    for (const credential of credentials) truth.set(key(credential), (await observe(stage, credential)).state);
    for (const fault of faults) {
      for (const credential of credentials) {
        for (const after of [0, 1]) {
          const result = await under(stage, fault, after, () => observe(stage, credential));
          expect(failed(result), `${credential.id} under ${fault} rejected`).toBeUndefined();
          if (result.status === 'rejected') continue;
          // What needs no asking, or was asked before the fault, may still be told as it is.
          expect(
            ['Unknown', truth.get(key(credential))],
            `${credential.id} under ${fault} after ${String(after)}`,
          ).toContain(result.value.state);
          expect(result.value.method).not.toBe('');
          if (result.value.state === 'Unknown') expect(result.value.message ?? '', 'why').not.toBe('');
        }
      }
    }
  },
};

const stillUnknownAfterRevoke: Rule = {
  name: 'does not take its own revoke for a proof',
  check: async (stage) => {
    for (const credential of await revocable(stage)) {
      await stage.hold?.(credential);
      await stage.revoker.revoke(credential, stage.target, never());
      await stage.settle();
      for (const fault of ['Forbidden', 'ServerError', 'NotFoundPage'] as const) {
        const result = await under(stage, fault, 0, () => observe(stage, credential));
        expect(result, `${credential.id} under ${fault}`).toMatchObject({
          status: 'fulfilled',
          value: { state: 'Unknown' },
        });
      }
      const there = await stage.exists(credential);
      expect((await observe(stage, credential)).state, credential.id).toBe(there ? 'Present' : 'Absent');
    }
  },
};

const revokesForReal: Rule = {
  name: 'ends what it revokes, sees that it is gone, touches nothing of others, and may be asked again',
  check: async (stage) => {
    const foreign = await stage.foreign();
    const found = await revocable(stage);
    for (const credential of found) {
      expect(await stage.revoker.revoke(credential, stage.target, never()), credential.id).toBe('Accepted');
    }
    await stage.settle();
    for (const credential of found) {
      expect(await stage.exists(credential), `${credential.id} is really gone`).toBe(false);
      expect(await observe(stage, credential), credential.id).toMatchObject({ state: 'Absent' });
      expect(await stage.revoker.revoke(credential, stage.target, never()), `${credential.id}, again`).toMatch(
        /^(Accepted|NothingThere)$/,
      );
    }
    expect(await stage.foreign()).toEqual(foreign);
    const left = (await fresh(stage)).credentials.filter(({ seen }) => seen).map(key);
    expect(
      left.filter((one) => found.some((credential) => key(credential) === one)),
      'listed no more',
    ).toEqual([]);
  },
};

const cannotForNow: Rule = {
  name: 'tells when a revoke was taken and cannot be carried out, and carries it out when it can',
  check: async (stage) => {
    if (stage.refuse === undefined || stage.relent === undefined) return;
    const [credential] = await stuckOnes(stage);
    if (credential === undefined) return;
    const answer = await stage.revoker.revoke(credential, stage.target, never());
    expect(answer, credential.id).toMatchObject({ refused: expect.stringMatching(/^[A-Z][A-Za-z0-9]*$/) as string });
    const told = typeof answer === 'object' ? answer.message : '';
    expect(told.length).toBeGreaterThan(0);
    for (const secret of stage.secrets) expect(told.includes(secret), 'a secret was told').toBe(false);
    expect(await stage.exists(credential), `${credential.id} is still there`).toBe(true);
    expect((await observe(stage, credential)).state, credential.id).toBe('Present');
    await stage.relent();
    expect(await stage.revoker.revoke(credential, stage.target, never()), credential.id).toBe('Accepted');
    await stage.settle();
    expect(await stage.exists(credential), `${credential.id} is really gone`).toBe(false);
    expect(await observe(stage, credential), credential.id).toMatchObject({ state: 'Absent' });
  },
};

/** Those whose end the system behind the dependency now refuses. */
const stuckOnes = async (stage: Stage): Promise<readonly Credential[]> => {
  const stuck: Credential[] = [];
  for (const credential of await revocable(stage)) if ((await stage.refuse?.(credential)) === true) stuck.push(credential);
  expect(stuck, 'the stage must hold something that can be refused').not.toEqual([]);
  return stuck;
};

const refusedRevoke: Rule = {
  name: 'rejects when a revoke was not accepted',
  check: async (stage) => {
    for (const credential of await revocable(stage)) {
      for (const fault of faults) {
        const result = await under(stage, fault, 0, () => stage.revoker.revoke(credential, stage.target, never()));
        // Not every protocol tells an empty success from a real one; that is what observing is for.
        if (fault === 'Empty' && result.status === 'fulfilled') continue;
        expect(result.status, `${credential.id} under ${fault}`).toBe('rejected');
        expect(failed(result), `${credential.id} under ${fault}`).toBeInstanceOf(OutcomeError);
      }
      expect(await stage.exists(credential), credential.id).toBe(true);
    }
  },
};

const anotherOfTheSameName: Rule = {
  name: 'takes a thing of the same name for another thing, and leaves it alone',
  check: async (stage) => {
    if (stage.recreate === undefined) return;
    for (const credential of await revocable(stage)) {
      if (credential.uid === undefined) continue;
      await stage.recreate(credential);
      expect((await observe(stage, credential)).state, credential.id).toBe('Absent');
      await Promise.allSettled([stage.revoker.revoke(credential, stage.target, never())]);
      await stage.settle();
      const successor = (await fresh(stage)).credentials.find(
        ({ id, uid }) => id === credential.id && uid !== credential.uid,
      );
      expect(successor, `${credential.id}: what came back is listed`).toBeDefined();
      if (successor) expect(await stage.exists(successor), `${credential.id}: what came back is untouched`).toBe(true);
    }
  },
};

const needsNoMemory: Rule = {
  name: 'needs nothing but what the status remembers',
  check: async (stage) => {
    const { credentials } = await fresh(stage);
    const next = await stage.restart();
    for (const credential of credentials) {
      const { state } = await observe(stage, credential);
      expect((await observe(stage, remembered(credential), next)).state, credential.id).toBe(state);
    }
    for (const credential of credentials.filter(({ end }) => end.by === 'Revoke'))
      await next.revoke(credential, stage.target, never());
    await stage.settle();
    for (const credential of credentials.filter(({ end }) => end.by === 'Revoke')) {
      expect((await observe(stage, remembered(credential), next)).state, credential.id).toBe('Absent');
    }
  },
};

const givesUp: Rule = {
  name: 'gives up at once when it is told to',
  check: async (stage) => {
    const [credential] = await revocable(stage);
    if (credential === undefined) return;
    const revoker = await stage.restart();
    const calls: Readonly<Record<string, (signal: AbortSignal) => Promise<unknown>>> = {
      inventory: (signal) => revoker.inventory(stage.target, 'Fresh', signal),
      preflight: (signal) => revoker.preflight(stage.target, [credential], signal),
      usage: (signal) => revoker.usage(stage.target, signal),
      revoke: (signal) => revoker.revoke(credential, stage.target, signal),
      observe: (signal) => revoker.observe(credential, stage.target, signal),
    };
    stage.breakWith('Hanging');
    for (const [name, call] of Object.entries(calls)) {
      for (const abortFirst of [true, false]) {
        const stop = new AbortController();
        if (abortFirst) stop.abort(new Error('stopped'));
        const running = Promise.allSettled([call(stop.signal)]);
        stop.abort(new Error('stopped'));
        const ended = await Promise.race([running, soon()]);
        expect(ended, `${name} goes on after it was aborted`).toBeDefined();
        if (name === 'observe')
          expect(ended?.[0], name).toMatchObject({ status: 'fulfilled', value: { state: 'Unknown' } });
        // What asks nobody about usage has ended before it could be told.
        else if (name !== 'usage' || abortFirst || ended?.[0].status !== 'fulfilled') expect(ended?.[0].status, name).toBe('rejected');
      }
    }
    stage.breakWith(undefined);
    expect(await stage.exists(credential)).toBe(true);
  },
};

const tellsNoSecret: Rule = {
  name: 'tells no secret, whatever it is answered',
  check: async (stage) => {
    const said: unknown[] = [await fresh(stage)];
    const [credential] = await revocable(stage);
    for (const fault of faults) {
      said.push(failed(await under(stage, fault, 0, () => fresh(stage))));
      if (credential === undefined) continue;
      said.push(await under(stage, fault, 0, () => observe(stage, credential)));
      said.push(failed(await under(stage, fault, 0, () => stage.revoker.revoke(credential, stage.target, never()))));
    }
    const text = said.map(everythingIn).join('\n');
    for (const secret of stage.secrets) expect(text.includes(secret), 'a secret was told').toBe(false);
  },
};

const everythingIn = (value: unknown): string => {
  if (!(value instanceof Error))
    return JSON.stringify(value, (_, inner: unknown) => (inner instanceof Error ? everythingIn(inner) : inner));
  return [value.message, JSON.stringify(value), value.cause === undefined ? '' : everythingIn(value.cause)].join('\n');
};

export const rules: readonly Rule[] = [
  listsAll,
  plainFacts,
  looksWithoutTouching,
  wholeOrError,
  namesPermissions,
  preflightFails,
  seesWhatIsThere,
  endsOnlyByItself,
  unknownIsNotAbsent,
  stillUnknownAfterRevoke,
  revokesForReal,
  refusedRevoke,
  cannotForNow,
  anotherOfTheSameName,
  needsNoMemory,
  givesUp,
  tellsNoSecret,
  ...lockRules,
  ...controlRules,
];

/** Those that are about how a thing ends, for a dependency that ends the same things in more than one way. */
export const endingRules: readonly Rule[] = [stillUnknownAfterRevoke, revokesForReal, refusedRevoke, anotherOfTheSameName, needsNoMemory];
