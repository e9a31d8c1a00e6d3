/** Entities and their aliases, and how somebody becomes one by logging in. */
import type { Core } from './core.ts';
import type { Account, Alias, AuthRole, Entity, Storage } from './storage.ts';

export interface Identity {
  readonly byAlias: (storage: Storage, mountAccessor: string, name: string) => Entity | undefined;
  /** Somebody logs in by this alias: the entity is made where there is none. */
  readonly meet: (alias: Omit<Alias, 'id'>) => Entity;
  /** Whether there is such an entity. */
  readonly update: (id: string, change: Partial<Pick<Entity, 'disabled' | 'metadata'>>) => boolean;
  readonly remove: (id: string) => void;
  /** Whoever logs in by that alias is this entity from now on. */
  readonly join: (id: string, alias: Omit<Alias, 'id'>) => void;
  /** Its aliases of that mount are nobody's from now on. */
  readonly part: (id: string, mountAccessor: string) => void;
}

const keyOf = (mountAccessor: string, name: string): string => `${mountAccessor} ${name}`;

export const createIdentity = ({ store, now, newUuid, newId }: Core): Identity => {
  const put = (entity: Entity): void => {
    store.write(({ entities, aliases }) => {
      entities.set(entity.id, entity);
      for (const { mountAccessor, name } of entity.aliases) aliases.set(keyOf(mountAccessor, name), entity.id);
    });
  };
  const byAlias: Identity['byAlias'] = ({ aliases, entities }, mountAccessor, name) => entities.get(aliases.get(keyOf(mountAccessor, name)) ?? '');
  return {
    byAlias,
    meet: (alias) => {
      const known = byAlias(store.active().storage, alias.mountAccessor, alias.name);
      if (known !== undefined) {
        // What the mount says of whoever logs in is written down each time.
        const aliases = known.aliases.map((each) => (each.name === alias.name && each.mountAccessor === alias.mountAccessor ? { ...each, metadata: alias.metadata } : each));
        const same = known.aliases.every((each, at) => sameTexts(each.metadata ?? {}, aliases[at]?.metadata ?? {}));
        if (same) return known;
        const met = { ...known, aliases };
        put(met);
        return met;
      }
      const entity: Entity = {
        id: newUuid(), name: `entity_${newId(8)}`, disabled: false, aliases: [{ ...alias, id: newUuid() }], metadata: null, createdAt: now(), updatedAt: now(),
      };
      put(entity);
      return entity;
    },
    update: (id, change) => {
      const entity = store.active().storage.entities.get(id);
      if (entity === undefined) return false;
      put({ ...entity, ...change, updatedAt: now() });
      return true;
    },
    remove: (id) => {
      if (!store.active().storage.entities.has(id)) return;
      store.write(({ entities, aliases }) => {
        for (const { mountAccessor, name } of entities.get(id)?.aliases ?? []) aliases.delete(keyOf(mountAccessor, name));
        entities.delete(id);
      });
    },
    join: (id, alias) => {
      const entity = store.active().storage.entities.get(id);
      if (entity !== undefined) put({ ...entity, aliases: [...entity.aliases, { ...alias, id: newUuid() }] });
    },
    part: (id, mountAccessor) => {
      const entity = store.active().storage.entities.get(id);
      if (entity === undefined) return;
      const [gone, left] = [entity.aliases.filter((each) => each.mountAccessor === mountAccessor), entity.aliases.filter((each) => each.mountAccessor !== mountAccessor)];
      store.write(({ aliases }) => { for (const { name } of gone) aliases.delete(keyOf(mountAccessor, name)); });
      put({ ...entity, aliases: left });
    },
  };
};

const sameTexts = (one: Readonly<Record<string, string>>, other: Readonly<Record<string, string>>): boolean => {
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => one[key] === other[key]);
};

export const aliasOf = ({ namespace, name, uid }: Account, source: AuthRole['aliasSource']): string => (source === 'serviceaccount_uid' ? uid : `${namespace}/${name}`);

/** Whether a role lets somebody in: by names in which only a star stands for anything. */
export const letsIn = ({ names, namespaces }: AuthRole, { namespace, name }: Account): boolean => names.some((each) => fits(each, name)) && namespaces.some((each) => fits(each, namespace));

const fits = (pattern: string, text: string): boolean => {
  if (!pattern.includes('*')) return pattern === text;
  const parts = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's').test(text);
};
