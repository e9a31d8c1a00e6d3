/** Finds who answers a call, by method, path and the custom method after the colon. */
import type { Answer } from './answers.ts';
import type { Fields } from './json.ts';
import type { Principal } from './members.ts';

export interface Call {
  readonly method: string;
  /** Decoded, segment by segment, without the custom method. */
  readonly path: readonly string[];
  readonly verb: string;
  readonly query: URLSearchParams;
  /** Of a JSON body or of a form. */
  readonly body: Fields;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly caller: Principal | undefined;
}

export type Handler = (call: Call, parameters: Readonly<Record<string, string>>) => Answer | Promise<Answer>;

export interface Route {
  readonly service: string;
  readonly method: string;
  /** Such as `/v1/projects/{project}/serviceAccounts/{account}:disable`; `{name...}` takes all that is left. */
  readonly pattern: string;
  /** Whether who calls must be known; unless told, he must. */
  readonly open?: boolean;
  readonly handle: Handler;
}

export interface Found {
  readonly route: Route;
  readonly parameters: Readonly<Record<string, string>>;
}

export type FindRoute = (call: Pick<Call, 'method' | 'path' | 'verb'>) => Found | undefined;

interface Compiled {
  readonly route: Route;
  readonly verb: string;
  readonly parts: readonly string[];
  readonly open: boolean;
}

/** The first that fits answers. */
export const createFinder = (routes: readonly Route[]): FindRoute => {
  const compiled = routes.map((route): Compiled => {
    const [way = '', verb = ''] = route.pattern.split(':');
    const parts = way.split('/').slice(1);
    return { route, verb, parts, open: parts.at(-1)?.endsWith('...}') === true };
  });
  const candidates = new Map<string, readonly Compiled[]>();
  return ({ method, path, verb }) => {
    const key = `${method} ${path.length} ${verb}`;
    const known = candidates.get(key);
    const fitting = known ?? compiled.filter(({ route, verb: wanted, parts, open }) => route.method === method && wanted === verb && (open ? path.length >= parts.length : path.length === parts.length));
    // Whoever makes up methods must not fill the memory.
    if (known === undefined && fitting.length > 0) candidates.set(key, fitting);
    for (const { route, parts } of fitting) {
      const parameters = match(parts, path);
      if (parameters !== undefined) return { route, parameters };
    }
    return undefined;
  };
};

const match = (parts: readonly string[], path: Call['path']): Readonly<Record<string, string>> | undefined => {
  const parameters: Record<string, string> = {};
  for (const [index, part] of parts.entries()) {
    const value = path[index] ?? '';
    if (part.endsWith('...}')) parameters[part.slice(1, -4)] = path.slice(index).join('/');
    else if (part.startsWith('{')) parameters[part.slice(1, -1)] = value;
    else if (part !== value) return undefined;
  }
  return parameters;
};

/** The path and the custom method of a request, decoded after they were taken apart. */
export const takeApart = (pathname: string): Pick<Call, 'path' | 'verb'> => {
  const segments = pathname.split('/').slice(1);
  const [, last = segments.at(-1) ?? '', verb = ''] = /^(.*):([A-Za-z]+)$/.exec(segments.at(-1) ?? '') ?? [];
  return { path: [...segments.slice(0, -1), last].map(decodeURIComponent), verb };
};
