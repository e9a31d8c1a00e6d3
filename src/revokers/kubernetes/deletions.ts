/** Which objects the watches saw deleted, by UID. A UID never comes back, so what was once seen stays true. */
export interface Deletions {
  readonly add: (uid: string) => void;
  /** False also for what was forgotten, or deleted before we watched: then the API server is asked. */
  readonly has: (uid: string) => boolean;
}

/** Remembers the last `limit` or more, and at most twice as many. */
export const createDeletions = (limit = 10_000): Deletions => {
  let recent = new Set<string>();
  let older = new Set<string>();
  return {
    add: (uid) => {
      if (recent.size >= limit) {
        older = recent;
        recent = new Set();
      }
      recent.add(uid);
    },
    has: (uid) => recent.has(uid) || older.has(uid),
  };
};
