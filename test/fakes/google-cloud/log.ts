/** What was asked, by whom, and how it went. Never a token, nor a body. */
export interface Logged {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly service: string;
  readonly method: string;
  /** As it was sent, with the query. */
  readonly path: string;
  readonly caller: string;
  /** Without the authorization. */
  readonly headers: Readonly<Record<string, string>>;
  /** Of the answer; 0 when none was given. */
  readonly status: number;
  readonly fault?: string;
}

export interface Counts {
  readonly reads: number;
  readonly writes: number;
  readonly conflicts: number;
}

export interface Log {
  readonly entries: () => readonly Logged[];
  readonly counts: () => Readonly<Record<string, Counts>>;
  readonly write: (entry: Logged) => void;
  /** A policy was read or written. */
  readonly count: (resource: string, what: keyof Counts) => void;
  readonly clear: () => void;
}

const kept = 50_000;

export const createLog = (): Log => {
  const entries: Logged[] = [];
  const counts = new Map<string, Counts>();
  return {
    entries: () => entries,
    counts: () => Object.fromEntries(counts),
    write: (entry) => {
      entries.push(entry);
      if (entries.length > kept) entries.shift();
    },
    count: (resource, what) => {
      const before = counts.get(resource) ?? { reads: 0, writes: 0, conflicts: 0 };
      counts.set(resource, { ...before, [what]: before[what] + 1 });
    },
    clear: () => {
      entries.length = 0;
      counts.clear();
    },
  };
};

const secret = new Set(['authorization', 'x-goog-iam-authorization-token', 'cookie']);

export const shownHeaders = (headers: Readonly<Record<string, string | readonly string[] | undefined>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(headers).flatMap(([name, value]) => (secret.has(name) || value === undefined ? [] : [[name, String(value)]])));
