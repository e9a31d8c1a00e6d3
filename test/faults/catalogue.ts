/** The faults, as data: what goes wrong, and with which requests. Their names are the rows of docs/fault-matrix.md. */

/** `Changes` are what locks, revokes or stores; `Reads` all else that the identity is asked about by; `Everything` is both, and logging in. */
export type Scope = 'Changes' | 'Reads' | 'Everything';

export type Effect =
  /** The dependency never sees the request, or its answer is never heard, and the connection stays open until the fault is over. */
  | { readonly kind: 'Hang'; readonly when: 'Before' | 'After' }
  /** The same, and the connection is broken at once. */
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
}

const refusal = (status: number, on: Scope, name = String(status)): Fault => ({ name: on === 'Changes' ? `${name} to writes` : name, on, does: { kind: 'Refuse', status } });

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
];
