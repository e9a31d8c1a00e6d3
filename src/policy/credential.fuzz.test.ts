import fc from 'fast-check';
import { describe, it } from 'vitest';
import { after, born, credentials, sightingOf, steps } from '../../test/fuzz/credentials.ts';
import type { Life, Step } from '../../test/fuzz/credentials.ts';
import { holds } from '../../test/fuzz/property.ts';
import { isDue, isOpen, needsRevoke } from './credential.ts';
import type { Sighting } from './credential.ts';

const settles = fc.constantFrom(0, 1, 15_000, 60_000);
const lives = fc.array(steps, { minLength: 1, maxLength: 30 });

/** The looks of this process since it last began to be there: what a belief may rest on. */
interface Witness {
  readonly absences: readonly Sighting[];
}

const nothing: Witness = { absences: [] };

const witnessed = (before: Witness, life: Life, step: Step, isBelieved: boolean): Witness => {
  switch (step.kind) {
    case 'look': {
      if (step.state === 'Unknown') return before;
      const sighting = sightingOf(life, step);
      if (step.state === 'Present') return nothing;
      // One that nobody tried, of what worked when it was tried last, is none.
      return isBelieved ? { absences: [...before.absences, sighting] } : before;
    }
    case 'restart':
      return nothing;
    case 'enumerated':
      return step.fresh && step.isThere && !isOpen(life.tracked) ? nothing : before;
    case 'requested':
    case 'sent':
    case 'refused':
      return before;
  }
};

/** Plays a life, as a run does: what is confirmed is not looked at any more. */
const play = (life: readonly Step[], from: Life, settle: number, each: (now: Life, witness: Witness, step: Step, before: Life) => void): void => {
  let now = from;
  let witness = nothing;
  for (const step of life) {
    if (step.kind !== 'restart' && step.kind !== 'enumerated' && !isOpen(now.tracked)) continue;
    const before = now;
    now = after(before, step, settle);
    witness = witnessed(witness, before, step, now.tracked.status.state !== 'Unknown');
    each(now, witness, step, before);
  }
};

/** Two absences of one process that span the settle time, from the answer to the first to the asking of the last. */
const spans = ({ absences }: Witness, settle: number): boolean => {
  const [first] = absences;
  const last = absences.at(-1);
  return first !== undefined && last !== undefined && first !== last && last.askedAt - first.answeredAt >= settle;
};

describe('whatever is seen of a credential, in whatever order, through restarts and changes of clocks', () => {
  it('it is confirmed by two absences of one process that span the settle time alone', () => {
    holds(
      fc.property(credentials, lives, settles, (credential, life, settle) => {
        play(life, born(credential), settle, (now, witness, step, before) => {
          const justConfirmed = !isOpen(now.tracked) && isOpen(before.tracked);
          if (!justConfirmed) return;
          if (step.kind !== 'look' || step.state !== 'Absent') throw new Error(`confirmed by ${step.kind}`);
          if (!spans(witness, settle)) throw new Error('confirmed without two absences that span the settle time');
        });
      }),
      600,
    );
  });

  it('those two are enough, but for one that worked while its dependency said that it was gone', () => {
    holds(
      fc.property(credentials, lives, settles, (credential, life, settle) => {
        let worked = false;
        play(life, born(credential), settle, (now, witness, step) => {
          if (step.kind === 'look' && step.state === 'Present' && step.tried !== undefined) worked = true;
          if (step.kind === 'look' && step.state === 'Absent' && !worked && spans(witness, settle) && isOpen(now.tracked)) throw new Error('it is not believed');
        });
      }),
      600,
    );
  });

  it('one that is there is never said to be absent or confirmed, nor has it times of an end', () => {
    holds(
      fc.property(credentials, lives, settles, (credential, life, settle) => {
        play(life, born(credential), settle, ({ tracked: { status } }, _, step) => {
          if (step.kind !== 'look' || step.state !== 'Present') return;
          if (status.state !== 'Present' && status.state !== 'Waiting') throw new Error(status.state);
          if (status.absentSince !== undefined || status.confirmedAt !== undefined || status.absentFor !== undefined || status.strength !== undefined) throw new Error('it has a time of its end');
        });
      }),
    );
  });

  it('one that could not be seen is Unknown', () => {
    holds(
      fc.property(credentials, lives, settles, (credential, life, settle) => {
        play(life, born(credential), settle, ({ tracked: { status } }, _, step) => {
          if (step.kind === 'look' && step.state === 'Unknown' && status.state !== 'Unknown') throw new Error(status.state);
        });
      }),
    );
  });

  it('what its end rests on is said: how long the absence held, and that it was refused only where each absence was a refusal', () => {
    holds(
      fc.property(credentials, lives, settles, (credential, life, settle) => {
        play(life, born(credential), settle, ({ tracked: { credential: now, status } }, { absences }, step) => {
          if (status.state !== 'Confirmed' || step.kind !== 'look') return;
          if (status.absentFor === undefined || status.absentFor < settle) throw new Error(`absent for ${status.absentFor ?? 'nothing'}`);
          if (status.strength === undefined || status.absentSince === undefined || status.confirmedAt === undefined) throw new Error('it does not say');
          if (status.strength === 'Probed' && !absences.every(({ tried }) => tried !== undefined)) throw new Error('Probed, and not tried each time');
          if (status.strength === 'Probed' && (status.probe?.refusals ?? 0) < 2) throw new Error('Probed by one refusal');
          const wasOver = now.end.by === 'Expiry' && status.expiresAt !== undefined && status.expiresAt <= status.confirmedAt;
          if ((status.strength === 'WaitedOut') !== wasOver) throw new Error(status.strength);
        });
      }),
      400,
    );
  });

  it('what it is and when it was asked to end is never forgotten', () => {
    holds(
      fc.property(credentials, lives, settles, (credential, life, settle) => {
        play(life, born(credential), settle, ({ tracked }, _, step, before) => {
          const { id, uid, class: kind, revokeRequestedAt, returned = 0 } = tracked.status;
          if (id !== credential.id || uid !== credential.uid || kind !== credential.class) throw new Error('it is another');
          if (tracked.credential.id !== id || tracked.credential.uid !== uid) throw new Error('it is two');
          const began = before.tracked.status.revokeRequestedAt;
          if (began !== undefined && revokeRequestedAt === undefined && returned === (before.tracked.status.returned ?? 0)) throw new Error('the intent is forgotten');
          if (step.kind !== 'enumerated' && returned < (before.tracked.status.returned ?? 0)) throw new Error('a return is forgotten');
        });
      }),
    );
  });

  it('nothing is revoked that nobody can revoke, that is gone, or before its pause is over', () => {
    holds(
      fc.property(credentials, lives, settles, fc.double({ noNaN: true }), (credential, life, settle, now) => {
        play(life, born(credential), settle, ({ tracked }) => {
          if (!isDue(tracked, now)) return;
          if (!needsRevoke(tracked) || tracked.credential.end.by !== 'Revoke') throw new Error('nobody can revoke it');
          if (!isOpen(tracked) || tracked.status.absentSince !== undefined) throw new Error('it is gone');
          if (tracked.notBefore !== undefined && now < tracked.notBefore) throw new Error('too early');
        });
      }),
    );
  });
});
