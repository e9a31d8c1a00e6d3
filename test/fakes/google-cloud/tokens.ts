/** Access tokens: opaque, minted here, and checked here with every call. */
import { type Answer, unauthenticated } from './answers.ts';
import type { Knobs } from './knobs.ts';
import type { Principal } from './members.ts';
import type { World } from './world.ts';

export interface Tokens {
  readonly mint: (principal: Principal, seconds: number) => { readonly token: string; readonly expires: Date };
  /** Whose a token is, or the 401. */
  readonly check: (token: string) => { readonly caller: Principal } | { readonly refused: Answer };
}

export const createTokens = (world: World, knobs: Pick<Knobs, 'settings'>): Tokens => {
  const tokens = new Map<string, { readonly principal: Principal; readonly expires: number }>();
  return {
    mint: (principal, seconds) => {
      const token = `ya29.fake-${world.nature.bytes(24).toString('base64url')}`;
      const expires = world.nature.now() + seconds * 1000;
      tokens.set(token, { principal, expires });
      return { token, expires: new Date(expires) };
    },
    check: (token) => {
      const minted = tokens.get(token);
      if (minted === undefined) return { refused: unauthenticated('ACCESS_TOKEN_TYPE_UNSUPPORTED') };
      if (minted.expires <= world.nature.now()) return { refused: unauthenticated('ACCESS_TOKEN_EXPIRED') };
      if (!stands(world, minted.principal, knobs.settings.propagation)) return { refused: unauthenticated('ACCOUNT_STATE_INVALID') };
      return { caller: minted.principal };
    },
  };
};

/** Whether who acts is neither disabled nor deleted; or was not until just now, as long as changes take to be felt. */
export const stands = (world: World, principal: Principal, propagation: number): boolean =>
  principal.kind !== 'account' || (world.accounts.get(principal.uniqueId)?.within(propagation) ?? []).some(({ disabled, deleted }) => !disabled && !deleted);
