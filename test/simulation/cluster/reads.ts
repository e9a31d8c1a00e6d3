/** Quorum reads: what was stored before they began is in them. */
import { badRequest, expired, type Failure } from './failure.ts';
import type { Kind, Parsed } from './kinds.ts';
import { selectorOf } from './selectors.ts';
import type { Entry, Store } from './store.ts';

export interface Reads {
  /** The text of a list. */
  readonly list: (request: Parsed, metadataOnly: boolean) => string | Failure;
  /** From now on no page has more than that, whatever is asked for: a server may give fewer. */
  readonly pageAt: (most: number) => void;
}

/** The rest of a list at the version of its first page. */
interface Rest {
  readonly version: number;
  readonly entries: readonly Entry[];
}

export const createReads = (store: Store): Reads => {
  const rests = new Map<string, Rest>();
  let serial = 0;
  let most = Infinity;

  const begin = ({ kind, namespace, query }: Parsed): readonly Entry[] | string => {
    const selector = selectorOf(kind, query);
    if (typeof selector === 'string') return selector;
    const all = store.entries(kind);
    if (namespace === undefined && selector === undefined) return all;
    return all.filter((entry) => (namespace === undefined || entry.namespace === namespace) && (selector === undefined || selector(entry.object)));
  };

  return {
    pageAt: (entries) => { most = entries; },
    list: (request, metadataOnly) => {
      const token = request.query.get('continue') ?? '';
      const rest = token === '' ? undefined : rests.get(token);
      if (token !== '' && (rest === undefined || rest.version < store.oldest())) {
        rests.delete(token);
        return expired('The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.');
      }
      const entries = rest?.entries ?? begin(request);
      if (typeof entries === 'string') return badRequest(entries);
      const version = rest?.version ?? store.version();
      const asked = Number(request.query.get('limit') ?? 0);
      const limit = asked > 0 ? Math.min(asked, most) : 0;
      const isCut = limit > 0 && entries.length > limit;
      let next: string | undefined;
      if (isCut) {
        next = `next-${String((serial += 1))}`;
        rests.set(next, { version, entries: entries.slice(limit) });
      }
      return listText(request.kind, isCut ? entries.slice(0, limit) : entries, metadataOnly, { version, next, left: isCut ? entries.length - limit : 0 });
    },
  };
};

const listText = (
  kind: Kind, entries: readonly Entry[], metadataOnly: boolean, { version, next, left }: { readonly version: number; readonly next: string | undefined; readonly left: number },
): string => {
  const head = metadataOnly ? '{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1"' : `{"kind":"${kind.kind}List","apiVersion":"${kind.apiVersion}"`;
  const more = next === undefined ? '' : `,"continue":"${next}","remainingItemCount":${String(left)}`;
  let items = '';
  for (const entry of entries) items += items === '' ? entry.text(metadataOnly ? 'Metadata' : 'Item') : `,${entry.text(metadataOnly ? 'Metadata' : 'Item')}`;
  // An empty list of metadata has none, not an empty one.
  return `${head},"metadata":{"resourceVersion":"${String(version)}"${more}},"items":${metadataOnly && items === '' ? 'null' : `[${items}]`}}`;
};
