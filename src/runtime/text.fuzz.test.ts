import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holds } from '../../test/fuzz/property.ts';
import { readOptions as readDiscoverOptions } from '../cli/discover/options.ts';
import { readOptions as readPlanOptions } from '../cli/plan/options.ts';
import { readOptions as readReportOptions } from '../cli/report/options.ts';
import { readOptions as readStartOptions } from '../cli/start/options.ts';
import { readOptions as readStatusOptions } from '../cli/status/options.ts';
import { readOptions as readVerifyOptions } from '../cli/verify/options.ts';
import { UsageError as CliUsageError } from '../cli/command.ts';
import { UsageError, readConfig } from '../config.ts';
import { told } from '../policy/told.ts';
import { InvalidDurationError, formatDuration, parseDuration } from './duration.ts';
import { limit, redact, redactText } from './redact.ts';

const base64url = fc.string({ unit: fc.constantFrom(...Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_')), minLength: 24, maxLength: 60 });
const alphanumeric = fc.string({ unit: fc.constantFrom(...Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789')), minLength: 24, maxLength: 24 });

/** Of each shape that is known, with the part of it that nobody may read. */
const secrets: fc.Arbitrary<{ readonly text: string; readonly secret: string }> = fc.oneof(
  fc.tuple(base64url, base64url, base64url).map(([head, body, signature]) => ({ text: `eyJ${head}.eyJ${body}.${signature}`, secret: body })),
  fc.tuple(fc.constantFrom('hvs', 'hvb', 'hvr'), base64url).map(([kind, secret]) => ({ text: `${kind}.${secret}`, secret })),
  alphanumeric.map((secret) => ({ text: `s.${secret}`, secret })),
  base64url.map((secret) => ({ text: `ya29.${secret}`, secret })),
  alphanumeric.map((secret) => ({ text: `ghp_${secret}`, secret })),
  base64url.map((secret) => ({ text: `Bearer ${secret}`, secret })),
  base64url.map((secret) => ({ text: `X-Vault-Token: ${secret}`, secret })),
  base64url.map((secret) => ({ text: `{"client_token":"${secret}"}`, secret })),
  base64url.map((secret) => ({ text: `password=${secret}`, secret })),
  base64url.map((secret) => ({ text: `postgres://admin:${secret}@db:5432/app`, secret })),
  base64url.map((secret) => ({ text: `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----`, secret })),
);

/** A token is told by what stands around it: no letter, digit, dot or dash of another word. */
const borders = fc.constantFrom('', ' ', '\n', '\\n', '"', "'", '(', ')', ',', ';', ':', '=', '<', '\u001b', '\u202e', '\u0000', '😀', '…');
const around = fc.tuple(fc.string({ unit: 'binary', maxLength: 60 }), borders, borders, fc.string({ unit: 'binary', maxLength: 60 }));

describe('a secret of a known shape, in any text', () => {
  it('is not in what is shown of it', () => {
    holds(
      fc.property(secrets, around, ({ text, secret }, [before, left, right, after]) => {
        const whole = `${before}${left === '' ? ' ' : left}${text}${right === '' ? ' ' : right}${after}`;
        for (const show of [redact, redactText, told]) if (show(whole).includes(secret)) throw new Error(JSON.stringify(show(whole)));
      }),
      1_000,
    );
  });
});

/** Texts of words that mean something to the shapes, long runs among them. */
const texts = fc
  .array(fc.oneof(fc.string({ unit: 'binary', maxLength: 20 }), secrets.map(({ text }) => text), base64url, borders, fc.constantFrom('Bearer ', 'password=', 'token":"', '[redacted]', 'https://', '@', 'eyJ', 'hvs.', '-----BEGIN PRIVATE KEY-----', '/', '\\')), { maxLength: 8 })
  .map((parts) => parts.join(''));

describe('any text', () => {
  it('is shown on one line, with nothing in it that cannot be seen', () => {
    holds(
      fc.property(texts, (text) => {
        for (const show of [redact, redactText, told]) if (/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/.test(show(text)) || !show(text).isWellFormed()) throw new Error(JSON.stringify(show(text)));
      }),
      400,
    );
  });

  it('that was made fit to be shown stays as it is', () => {
    holds(
      fc.property(texts, (text) => {
        expect(redact(redact(text))).toBe(redact(text));
        expect(told(told(text))).toBe(told(text));
      }),
      1_000,
    );
  });

  it('is no longer than it may be, and no character of it is cut in half', () => {
    holds(
      fc.property(texts, fc.integer({ min: 1, max: 80 }), (text, length) => {
        const whole = text.toWellFormed();
        return limit(whole, length).length <= length && limit(whole, length).isWellFormed() && redactText(text, length).length <= length && told(text, length).length <= length;
      }),
      400,
    );
  });
});

/** What `work` takes of this thread for eight times as much: eight times as long where it is linear, 64 times where it is quadratic. */
const growth = (work: (n: number) => void, n: number): number => {
  const timeOf = (size: number): number => {
    const { user } = process.threadCpuUsage();
    work(size);
    return process.threadCpuUsage().user - user;
  };
  work(n * 8);
  return timeOf(n * 8) / Math.max(300, timeOf(n));
};

/** The least of some, since others use the machine. */
const leastGrowth = (work: (n: number) => void, n: number, enough: number): number => {
  let least = Infinity;
  for (let tries = 0; tries < 10 && least > enough; tries += 1) least = Math.min(least, growth(work, n));
  return least;
};

describe('long texts of any pattern', () => {
  it.each([
    'a', 'aA0', 'eyJ', 'eyJa.', 'hvs.', 's.', '-----BEGIN ', '-----BEGIN PRIVATE KEY-----', '://', 'a://b', '@', 'authorization:', 'authorization ', 'bearer ', 'token="', '"token":"', '_token', 'password', '=', '\\', '/', 'Ab1/', '\n', ' ', '\u202e', '1',
  ])('take time in proportion to their length: %j', (pattern) => {
    const work = (n: number): void => {
      const text = pattern.repeat(Math.ceil(n / pattern.length));
      redact(text);
      redactText(text);
      try { parseDuration(text); } catch { /* It is none. */ }
    };
    expect(leastGrowth(work, 8_000, 30)).toBeLessThan(30);
  });
});

const units = { ns: 1e-6, us: 1e-3, ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;
const parts = fc.array(fc.tuple(fc.nat({ max: 9_999 }), fc.constantFrom(...(Object.keys(units) as (keyof typeof units)[]))), { minLength: 1, maxLength: 5 });

describe('a duration', () => {
  it('is the sum of its parts', () => {
    holds(
      fc.property(parts, (all) => {
        const sum = all.reduce((total, [count, unit]) => total + count * units[unit], 0);
        expect(parseDuration(all.map(([count, unit]) => `${count}${unit}`).join(''))).toBeCloseTo(sum, 3);
      }),
    );
  });

  it('is read from any text, or refused as none', () => {
    const nearly = fc.array(fc.constantFrom('1', '.', '-', '+', 'h', 'm', 's', 'µs', 'd', ' ', '\n', '1e3', '0', '٣', 'Infinity'), { maxLength: 8 }).map((all) => all.join(''));
    holds(
      fc.property(fc.oneof(nearly, fc.string({ unit: 'binary' })), (text) => {
        try {
          const value = parseDuration(text);
          if (!(value >= 0) || !Number.isFinite(value)) throw new Error(String(value));
          if (/[^0-9.hmsnuµμ]/.test(text)) throw new Error('it was read all the same');
        } catch (error) {
          if (!(error instanceof InvalidDurationError) || error.message.length > 500) throw error;
        }
      }),
      600,
    );
  });

  it('for people is never longer than it is, and less than a unit shorter', () => {
    const spans = [[8 * 86_400_000, 86_400_000], [86_400_000, 3_600_000], [3_600_000, 60_000], [60_000, 1_000], [1_000, 100], [0, 1]] as const;
    holds(
      fc.property(fc.integer({ min: 0, max: 1e10 }), (ms) => {
        const days = /^(\d+)d(.*)$/.exec(formatDuration(ms).replaceAll(' ', ''));
        const shown = days === null ? parseDuration(formatDuration(ms).replaceAll(' ', '')) : Number(days[1]) * 86_400_000 + (days[2] === '' ? 0 : parseDuration(days[2] ?? ''));
        const [, unit] = spans.find(([from]) => ms >= from) ?? [0, 1];
        if (shown > ms + 1e-6 || ms - shown >= unit) throw new Error(`${formatDuration(ms)} of ${ms}`);
      }),
      400,
    );
  });
});

const names = ['kubeconfig', 'namespace', 'service-account', 'bind-address', 'port', 'workers', 'token-secrets', 'kubernetes-settle', 'signing-key-secret', 'make-signing-key', 'api-servers', 'record-retention', 'allow-loopback-http', 'leader-election', 'log-level', 'help', 'version', '__proto__', 'constructor', 'expect-head', 'key', 'from-cluster', 'output', 'watch', 'context'];
const given = fc.oneof(fc.string({ unit: 'binary', maxLength: 12 }), fc.constantFrom('', 'true', 'false', '0', '8080', '-1', '1e3', '0x10', '15s', '1d', 'https://a:6443', 'https://a,http://b', 'https://u:p@a', 'debug', '::', 'json', '٣'));
const args = fc.array(fc.oneof(given, fc.constantFrom(...names).map((name) => `--${name}`), fc.tuple(fc.constantFrom(...names), given).map(([name, value]) => `--${name}=${value}`), fc.constantFrom('-', '--', '-o', '-w', '-n', '-nx')), { maxLength: 5 });

describe('any flags and variables', () => {
  it('are a configuration within its bounds, or refused with the name of one of them', () => {
    const environments = fc.array(fc.tuple(fc.constantFrom(...names).map((name) => `OFFBOARD_${name.toUpperCase().replaceAll('-', '_')}`), given), { maxLength: 3 }).map((entries) => Object.fromEntries(entries));
    holds(
      fc.property(args, environments, (flags, env) => {
        try {
          const config = readConfig(flags, env);
          if (config === 'help' || config === 'version') return;
          if (config.workers < 1 || config.workers > 256 || config.port < 0 || config.port > 65_535 || !(config.kubernetesSettle >= 0) || !(config.recordRetention >= 0)) throw new Error(JSON.stringify(config));
          if (config.namespace === '' || config.serviceAccount === '' || config.signingKeySecret === '') throw new Error('it is empty');
          for (const server of config.apiServers) if (!server.startsWith('https://') || server.includes('@')) throw new Error(server);
        } catch (error) {
          if (!(error instanceof UsageError) || error.message === '') throw error;
        }
      }),
      600,
    );
  });

  it('are those of a command, or refused', () => {
    holds(
      fc.property(args, (flags) => {
        for (const read of [readDiscoverOptions, readPlanOptions, readReportOptions, readStartOptions, readStatusOptions, readVerifyOptions]) {
          try {
            read(flags);
          } catch (error) {
            if (!(error instanceof CliUsageError) || error.message === '') throw error;
          }
        }
      }),
      200,
    );
  });
});
