/** The faults, as data: what goes wrong, and with which requests. Their names are the rows of docs/fault-matrix.md. */

/**
 * `Changes` are what locks, revokes or stores; `Reads` all else that the identity is asked about by, `Lists` those of them that ask which there
 * are; `Releases` what lets an object go; `Everything` is all of it, and logging in.
 */
export type Scope = 'Changes' | 'Reads' | 'Lists' | 'Releases' | 'Everything';

/** What somebody does while the operator is at work: gives the identity one more way in, changes what the operator is about to change, or keeps what it ends. */
export type Act = 'Issue' | 'Meddle' | 'Keep';

export type Effect =
  /** The dependency never sees the request, or its answer is never heard, and the connection stays open until the fault is over. */
  | { readonly kind: 'Hang'; readonly when: 'Before' | 'After' }
  /** The head of the true answer comes, and half of its body, and nothing more until the fault is over. */
  | { readonly kind: 'Stall' }
  /** The first of each request is on its way until the fault is over, and arrives then, after those that were sent again. */
  | { readonly kind: 'Late' }
  /** The same as `Hang`, and the connection is broken at once. */
  | { readonly kind: 'Break'; readonly when: 'Before' | 'After' }
  /** An error in the form of the dependency, about nothing in particular. */
  | { readonly kind: 'Refuse'; readonly status: number; readonly retryAfter?: number }
  /** In the words of the dependency: there is no such thing. */
  | { readonly kind: 'Gone' }
  | { readonly kind: 'Page'; readonly status: number }
  | { readonly kind: 'Empty' }
  /** The true answer, up to its middle. */
  | { readonly kind: 'Cut' }
  /** Answered as done, and nothing is. */
  | { readonly kind: 'Pretend' }
  /** The same, and whoever asks is told that there is no such thing, for as long as anybody listens. */
  | { readonly kind: 'Lie' }
  /** Nothing but what somebody does. */
  | { readonly kind: 'None' }
  /** What was answered before the fault, again and again. */
  | { readonly kind: 'Stale' }
  /** What is the identity's is left out of lists and policies. */
  | { readonly kind: 'LeaveOut' }
  /** Lists come in pages, and the second is never answered. */
  | { readonly kind: 'NoSecondPage' }
  /** Watches stay open and tell nothing, for ever; those that are opened after the fault do. */
  | { readonly kind: 'Deafen' };

export interface Fault {
  readonly name: string;
  readonly on: Scope;
  readonly does: Effect;
  /** It meets everybody, so nothing else is tried meanwhile. */
  readonly alone?: boolean;
  /** From before the run begins on, or from when it settles on; from the first revoke on unless told. */
  readonly from?: 'Start' | 'Settling';
  readonly act?: Act;
  /** Only these subjects meet it, and nobody else is compared by it. */
  readonly of?: readonly string[];
}

const refusal = (status: number, on: Scope, name = String(status)): Fault => ({ name: on === 'Changes' ? `${name} to writes` : name, on, does: { kind: 'Refuse', status } });

const all = ['kubernetes', 'run', 'vault', 'google'];

/** What no observation can tell from the truth. */
export const lasting = 'a lie that outlasts the settle time';

export const faults: readonly Fault[] = [
  { name: 'time-out before the effect', on: 'Changes', does: { kind: 'Hang', when: 'Before' } },
  { name: 'time-out after the effect', on: 'Changes', does: { kind: 'Hang', when: 'After' } },
  { name: 'nothing is answered', on: 'Everything', does: { kind: 'Hang', when: 'Before' } },
  { name: 'connection broken before the effect', on: 'Changes', does: { kind: 'Break', when: 'Before' } },
  { name: 'connection broken after the effect', on: 'Changes', does: { kind: 'Break', when: 'After' } },
  { name: 'every connection broken', on: 'Everything', does: { kind: 'Break', when: 'Before' } },
  refusal(400, 'Everything'),
  refusal(400, 'Changes'),
  refusal(401, 'Everything'),
  refusal(403, 'Everything'),
  refusal(403, 'Changes'),
  refusal(404, 'Everything', '404 about something else'),
  { name: '404, a web page', on: 'Everything', does: { kind: 'Page', status: 404 } },
  { name: '“there is no such thing”, in its own words', on: 'Everything', does: { kind: 'Gone' } },
  refusal(409, 'Everything'),
  refusal(409, 'Changes'),
  { name: '429 with Retry-After', on: 'Everything', does: { kind: 'Refuse', status: 429, retryAfter: 2 } },
  refusal(429, 'Everything', '429 without'),
  refusal(500, 'Everything'),
  refusal(500, 'Changes'),
  refusal(502, 'Everything'),
  refusal(503, 'Everything'),
  { name: 'body cut short', on: 'Everything', does: { kind: 'Cut' } },
  { name: '200, a web page', on: 'Everything', does: { kind: 'Page', status: 200 } },
  { name: '200, `{}`', on: 'Everything', does: { kind: 'Empty' } },
  { name: '200, and nothing happened', on: 'Changes', does: { kind: 'Pretend' } },
  { name: 'old answers', on: 'Reads', does: { kind: 'Stale' } },
  { name: 'left out of lists', on: 'Reads', does: { kind: 'LeaveOut' } },
  { name: 'the second page never comes', on: 'Reads', does: { kind: 'NoSecondPage' }, alone: true },
  { name: 'the watches fall silent', on: 'Reads', does: { kind: 'Deafen' }, alone: true },

  // What others take no harm from, or cannot meet.
  { name: 'the head comes, the body stalls', on: 'Everything', does: { kind: 'Stall' }, of: all },
  { name: 'arrives after its retry', on: 'Changes', does: { kind: 'Late' }, of: all },
  { name: 'a way in is issued in between', on: 'Changes', does: { kind: 'None' }, act: 'Issue', of: ['vault', 'google'] },
  { name: 'a way in is issued while the lock is written', on: 'Changes', does: { kind: 'None' }, act: 'Issue', from: 'Start', of: ['lock'] },
  { name: 'a neighbour changes the same in between', on: 'Changes', does: { kind: 'None' }, act: 'Meddle', of: ['kubernetes', 'google'] },
  { name: 'accepted, queued, and failing', on: 'Changes', does: { kind: 'None' }, act: 'Keep', of: ['kubernetes', 'vault'] },
  { name: lasting, on: 'Everything', does: { kind: 'Lie' }, of: ['kubernetes', 'unprobed', 'vault', 'google'] },

  // At other moments than the revoke.
  { name: 'at the inventory: “there is no such thing”', on: 'Everything', does: { kind: 'Gone' }, from: 'Start', of: ['vault', 'google'] },
  { name: 'at the inventory: 500', on: 'Everything', does: { kind: 'Refuse', status: 500 }, from: 'Start', of: ['vault'] },
  { name: 'at the inventory: left out of lists', on: 'Reads', does: { kind: 'LeaveOut' }, from: 'Start', of: ['vault', 'google'] },
  { name: 'from before its issue on: left out of lists and watches', on: 'Reads', does: { kind: 'LeaveOut' }, act: 'Issue', from: 'Start', of: ['kubernetes'] },
  { name: 'at the lock: 500', on: 'Changes', does: { kind: 'Refuse', status: 500 }, from: 'Start', of: ['lock', 'vault', 'google'] },
  { name: 'at the lock: time-out after the effect', on: 'Changes', does: { kind: 'Hang', when: 'After' }, from: 'Start', of: ['lock', 'vault'] },
  { name: 'at the lock: 200, and nothing happened', on: 'Changes', does: { kind: 'Pretend' }, from: 'Start', of: ['lock', 'vault', 'google'] },
  { name: 'from the settling on: 500', on: 'Lists', does: { kind: 'Refuse', status: 500 }, from: 'Settling', of: ['kubernetes', 'vault', 'google'] },
  { name: 'from the settling on: body cut short', on: 'Lists', does: { kind: 'Cut' }, from: 'Settling', of: ['kubernetes', 'vault'] },
  { name: 'at the record: 500', on: 'Everything', does: { kind: 'Refuse', status: 500 }, of: ['record'] },
  { name: 'at the record: time-out after the effect', on: 'Everything', does: { kind: 'Hang', when: 'After' }, of: ['record'] },
  { name: 'at the record: 200, and nothing happened', on: 'Everything', does: { kind: 'Pretend' }, of: ['record'] },
  { name: 'at the release: 500', on: 'Releases', does: { kind: 'Refuse', status: 500 }, of: ['run'] },
  { name: 'at the release: connection broken after the effect', on: 'Releases', does: { kind: 'Break', when: 'After' }, of: ['run'] },
  { name: 'at the release: 200, and nothing happened', on: 'Releases', does: { kind: 'Pretend' }, of: ['run'] },
  { name: 'at the review: 500', on: 'Everything', does: { kind: 'Refuse', status: 500 }, of: ['review'] },
  { name: 'at the review: 200, `{}`', on: 'Everything', does: { kind: 'Empty' }, of: ['review'] },
  { name: 'at the review: refused, it says', on: 'Everything', does: { kind: 'Pretend' }, of: ['review'] },
];
