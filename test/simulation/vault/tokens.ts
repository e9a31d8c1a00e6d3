/** Tokens: made, found, renewed, and ended with all that were made with them. */
import type { Core } from './core.ts';
import type { Leases } from './leases.ts';
import type { Storage, Token } from './storage.ts';

export interface TokenWish extends Pick<Token, 'entityId' | 'path' | 'meta' | 'policies' | 'parent' | 'ttl' | 'owner'> {
  /** Told by a person; made up unless told. */
  readonly id?: string;
}

export interface Tokens {
  readonly make: (wish: TokenWish) => Token;
  /** With its children, and with what was leased to them. */
  readonly end: (accessor: string) => void;
  readonly renew: (token: Token) => Token;
}

/** One that the server knows and takes now. */
export const findToken = ({ tokens, accessors, entities }: Storage, id: string, now: number): Token | undefined => {
  const accessor = accessors.get(id);
  const token = accessor === undefined ? undefined : tokens.get(accessor);
  return token !== undefined && isGood(token, entities, now) ? token : undefined;
};

export const isGood = ({ expiresAt, entityId }: Token, entities: Storage['entities'], now: number): boolean =>
  expiresAt > now && (entityId === '' || entities.get(entityId)?.disabled === false);

export const createTokens = (core: Core, leases: Leases): Tokens => {
  const { store, now, after, newId } = core;
  const put = (token: Token): void => {
    store.write(({ tokens, accessors }) => {
      tokens.set(token.accessor, token);
      accessors.set(token.id, token.accessor);
    });
  };
  const end = (accessor: string): void => {
    const { tokens } = store.active().storage;
    if (!tokens.has(accessor)) return;
    const family = withChildren(tokens, accessor);
    store.write((storage) => {
      for (const each of family) {
        const token = storage.tokens.get(each);
        storage.tokens.delete(each);
        if (token !== undefined) storage.accessors.delete(token.id);
      }
    });
    leases.endOf(family);
  };
  const watch = (accessor: string, delay: number): void => {
    after(delay, () => {
      const token = store.active().storage.tokens.get(accessor);
      if (token === undefined) return;
      // Renewed meanwhile.
      if (token.expiresAt > now()) watch(accessor, token.expiresAt - now());
      else end(accessor);
    });
  };
  return {
    end,
    make: ({ id = `s.${newId(95)}`, ...wish }) => {
      const token: Token = { ...wish, id, accessor: newId(), createdAt: now(), expiresAt: now() + wish.ttl, renewable: wish.ttl !== Infinity };
      put(token);
      if (wish.ttl !== Infinity) watch(token.accessor, wish.ttl);
      return token;
    },
    renew: (token) => {
      const renewed = { ...token, expiresAt: now() + token.ttl };
      put(renewed);
      return renewed;
    },
  };
};

const withChildren = (tokens: Storage['tokens'], accessor: string): ReadonlySet<string> => {
  const family = new Set([accessor]);
  // Children are made after their parents, and so come after them.
  for (const { accessor: each, parent } of tokens.values()) {
    if (parent !== undefined && family.has(parent)) family.add(each);
  }
  return family;
};
