/** What a route is. */
import type { WireAnswer } from '../engine/wire.ts';
import type { Operation, Path } from './request.ts';
import type { Parts } from './state.ts';
import type { Storage, Token } from './storage.ts';

export interface Asked {
  readonly parts: Parts;
  readonly operation: Operation;
  readonly path: Path;
  readonly body: Readonly<Record<string, unknown>>;
  /** Of the node that answers. */
  readonly storage: Storage;
}

export interface AskedAs extends Asked {
  readonly token: Token;
}

export interface Route {
  readonly operations: readonly Operation[];
  /** What only the active node does; a standby passes it on. */
  readonly writes?: readonly Operation[];
  readonly sudo?: true;
  readonly answer: (asked: AskedAs) => WireAnswer;
}

export const route = (operations: readonly Operation[], answer: Route['answer'], more: Pick<Route, 'writes' | 'sudo'> = {}): Route => ({ operations, answer, ...more });
/** All that a route does which only updates. */
export const writes = { writes: ['update'] } as const;
export const sudo = { sudo: true } as const;
