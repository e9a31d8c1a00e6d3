import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';

import type { Clock } from '../runtime/clock.ts';
import { ApiError } from './errors.ts';

/** Where the bearer token comes from. Every failure is an {@link ApiError} with reason `Credentials`, to be retried. */
export interface TokenSource {
  token(): Promise<string>;
  /** The server refused the token: the next call reads a fresh one. */
  forget(): void;
}

/** How to run a credential plugin, as in a kubeconfig's `user.exec`. */
export interface ExecPlugin {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly apiVersion: string;
}

const credentialsError = (message: string): ApiError => new ApiError(0, 'Credentials', message);

export const staticToken = (token: string): TokenSource => ({
  token: () => Promise.resolve(checkToken(token, 'the kubeconfig')),
  forget: () => undefined,
});

/** The kubelet replaces the file long before the token in it expires, so a copy may be this old, in milliseconds. */
const tokenFileAge = 10_000;

/** A projected token: the file is read anew when the copy is more than 10 s old or was refused. */
export const tokenFromFile = (path: string, clock: Clock): TokenSource => {
  let cached: { readonly token: string; readonly readAt: number } | undefined;
  return {
    token: async () => {
      if (cached && clock.monotonic() - cached.readAt < tokenFileAge) return cached.token;
      cached = undefined;
      let text;
      try {
        text = await readFile(path, 'utf8');
      } catch (error) {
        throw credentialsError(`the token file ${path} cannot be read (${codeOf(error)}); trying again`);
      }
      const token = checkToken(text, path);
      cached = { token, readAt: clock.monotonic() };
      return token;
    },
    forget: () => {
      cached = undefined;
    },
  };
};

const pluginTimeout = 30_000;
/** A token that has less than this left, in milliseconds, is fetched anew. */
const pluginMargin = 10_000;

/** A credential plugin (`client.authentication.k8s.io`), run without a terminal. One run at a time serves all callers. */
export const tokenFromPlugin = (plugin: ExecPlugin, clock: Clock): TokenSource => {
  let cached: { readonly token: string; readonly until: number } | undefined;
  let running: Promise<string> | undefined;
  const fetch = async (): Promise<string> => {
    const { token, expires } = readCredential(await runPlugin(plugin), plugin.command);
    cached = { token, until: expires - pluginMargin };
    return token;
  };
  return {
    token: () => {
      if (cached && clock.now().getTime() < cached.until) return Promise.resolve(cached.token);
      cached = undefined;
      running ??= fetch().finally(() => {
        running = undefined;
      });
      return running;
    },
    forget: () => {
      cached = undefined;
    },
  };
};

const runPlugin = (plugin: ExecPlugin): Promise<string> =>
  new Promise((resolve, reject) => {
    const info = { kind: 'ExecCredential', apiVersion: plugin.apiVersion, spec: { interactive: false } };
    const env = { ...process.env, KUBERNETES_EXEC_INFO: JSON.stringify(info), ...plugin.env };
    const options = { env, timeout: pluginTimeout, killSignal: 'SIGKILL', maxBuffer: 2 ** 20 } as const;
    execFile(plugin.command, [...plugin.args], options, (error, stdout, stderr) => {
      if (!error) {
        resolve(stdout);
        return;
      }
      const why = error.killed === true ? 'gave no answer in time' : `failed (${codeOf(error)})`;
      reject(credentialsError(`the credential plugin ${plugin.command} ${why}: ${stderr}`));
    });
  });

const readCredential = (output: string, command: string): { token: string; expires: number } => {
  let parsed: { status?: { token?: unknown; expirationTimestamp?: unknown; clientCertificateData?: unknown } | null };
  try {
    parsed = JSON.parse(output) as typeof parsed;
  } catch {
    throw credentialsError(`the credential plugin ${command} did not print JSON`);
  }
  const status = (parsed as typeof parsed | null)?.status;
  if (typeof status?.token !== 'string') {
    const hint = status?.clientCertificateData === undefined ? '' : '; plugins that give certificates are not supported';
    throw credentialsError(`the credential plugin ${command} gave no token${hint}`);
  }
  const expiry = typeof status.expirationTimestamp === 'string' ? Date.parse(status.expirationTimestamp) : Infinity;
  return { token: checkToken(status.token, command), expires: Number.isNaN(expiry) ? 0 : expiry };
};

/** A token must fit into a header: otherwise the HTTP library would complain, and say what it was given. */
const checkToken = (text: string, source: string): string => {
  const token = text.trim();
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw credentialsError(`${source} holds no token (it is ${token === '' ? 'empty' : 'not one line of text'})`);
};

const codeOf = (error: unknown): string => {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' || typeof code === 'number' ? String(code) : 'unknown error';
};
