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

interface Pattern {
  readonly verb: string;
  readonly parts: readonly string[];
  /** The last part takes all that is left. */
  readonly open: boolean;
}

/** There are as many as the services have, and each simulated world asks for all of them. */
const patterns = new Map<string, Pattern>();

const patternOf = (text: string): Pattern => {
  const known = patterns.get(text);
  if (known !== undefined) return known;
  const [way = '', verb = ''] = text.split(':');
  const parts = way.split('/').slice(1);
  const pattern = { verb, parts, open: parts.at(-1)?.endsWith('...}') === true };
  patterns.set(text, pattern);
  return pattern;
};

/** The first that fits answers. */
export const createFinder = (routes: readonly Route[]): FindRoute => {
  const byMethod = new Map<string, { readonly route: Route; readonly pattern: Pattern }[]>();
  for (const route of routes) {
    const pattern = patternOf(route.pattern);
    const key = `${route.method}:${pattern.verb}`;
    const known = byMethod.get(key);
    if (known === undefined) byMethod.set(key, [{ route, pattern }]);
    else known.push({ route, pattern });
  }
  return ({ method, path, verb }) => {
    for (const { route, pattern: { parts, open } } of byMethod.get(`${method}:${verb}`) ?? []) {
      const parameters = (open ? path.length >= parts.length : path.length === parts.length) ? match(parts, path) : undefined;
      if (parameters !== undefined) return { route, parameters };
    }
    return undefined;
  };
};

const match = (parts: readonly string[], path: Call['path']): Readonly<Record<string, string>> | undefined => {
  // Most are told apart by their first words.
  for (const [index, part] of parts.entries()) if (!part.startsWith('{') && part !== path[index]) return undefined;
  const parameters: Record<string, string> = {};
  for (const [index, part] of parts.entries()) {
    if (part.endsWith('...}')) parameters[part.slice(1, -4)] = path.slice(index).join('/');
    else if (part.startsWith('{')) parameters[part.slice(1, -1)] = path[index] ?? '';
  }
  return parameters;
};

export type Address = Pick<Call, 'path' | 'verb' | 'query'>;

/** Path, custom method and query as they were sent, decoded after they were taken apart. */
export const takeApart = (sent: string): Address => {
  const question = sent.indexOf('?');
  const pathname = question < 0 ? sent : sent.slice(0, question);
  const segments = pathname.split('/').slice(1);
  const [, last = segments.at(-1) ?? '', verb = ''] = /^(.*):([A-Za-z]+)$/.exec(segments.at(-1) ?? '') ?? [];
  const query = new URLSearchParams(question < 0 ? '' : sent.slice(question + 1));
  return { path: [...segments.slice(0, -1), last].map((segment) => (segment.includes('%') ? decodeURIComponent(segment) : segment)), verb, query };
};
