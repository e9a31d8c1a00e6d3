import { ApiError, isExpired } from './errors.ts';

/** One answer of a paged list. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly resourceVersion: string;
  /** Asks for the page after this one; absent on the last. */
  readonly next: string | undefined;
}

export type FetchPage<T> = (limit: number, next: string | undefined) => Promise<Page<T>>;

/**
 * Page after page, all of one resource version. A page that is too large to be read is asked for again in smaller
 * pieces: whoever may create huge objects must not be able to blind us.
 */
export async function* readPages<T>(fetch: FetchPage<T>, pageSize: number): AsyncGenerator<Page<T>, void, undefined> {
  let limit = pageSize;
  let next: string | undefined;
  for (;;) {
    let page;
    try {
      page = await fetch(limit, next);
    } catch (error) {
      if (!(error instanceof ApiError && error.reason === 'TooLarge') || limit === 1) throw error;
      limit = Math.ceil(limit / 4);
      continue;
    }
    yield page;
    next = page.next;
    if (next === undefined) return;
  }
}

/** All pages in one; begins anew once when the server has forgotten the version half-way (410). */
export const collectPages = async <T>(
  read: () => AsyncIterable<Pick<Page<T>, 'items' | 'resourceVersion'>>,
): Promise<{ items: readonly T[]; resourceVersion: string }> => {
  const once = async (): Promise<{ items: readonly T[]; resourceVersion: string }> => {
    const items: T[] = [];
    let resourceVersion = '';
    for await (const page of read()) {
      items.push(...page.items);
      ({ resourceVersion } = page);
    }
    return { items, resourceVersion };
  };
  try {
    return await once();
  } catch (error) {
    if (!isExpired(error)) throw error;
    return once();
  }
};
