import fc from 'fast-check';
import { describe, it } from 'vitest';
import { holds } from '../../test/fuzz/property.ts';
import { OutcomeError } from '../runtime/outcome.ts';
import { addressOf, timingOf } from './connector-settings.ts';

/** What it is taken for; undefined where it is refused, in words that name the field. */
const taken = <T>(field: string, take: () => T): { readonly value: T } | { readonly words: string } => {
  try {
    return { value: take() };
  } catch (error) {
    if (!(error instanceof OutcomeError) || error.kind !== 'Invalid' || !error.message.startsWith(field)) throw error;
    return { words: error.message };
  }
};

const secret = 'hunter2';
const part = fc.constantFrom('', 'https:', 'http:', 'HTTPS:', 'ftp:', 'file:', '//', '/', '\\', '@', `user:${secret}@`, `:${secret}@`, 'vault', 'vault.vault.svc', '127.0.0.1', '127.1', 'localhost', 'localhost.example.com', '[::1]', '0x7f.1', ':8200', ':99999', '?x=1', '#x', `/${secret}`, '..', ' ', '\n', 'é.example', '%2f');
const addresses = fc.oneof({ weight: 4, arbitrary: fc.tuple(fc.constantFrom('https://', 'http://', 'HTTP://', ''), fc.array(part, { maxLength: 4 })).map(([scheme, all]) => `${scheme}${all.join('')}`) }, fc.webUrl({ withQueryParameters: true, withFragments: true }), fc.string({ unit: 'binary' }));

describe('the address of a Connector', () => {
  it('is an origin by TLS, or one of this machine where that is allowed, and nothing else of it is used or told', () => {
    holds(
      fc.property(addresses, fc.boolean(), (address, isAllowed) => {
        const found = taken('spec.address', () => addressOf('spec.address', address, 'https://vault.vault.svc:8200', isAllowed));
        if ('words' in found) {
          if (found.words.includes(secret)) throw new Error(found.words);
          return;
        }
        const { protocol, hostname, pathname, search, hash, username, password, origin } = new URL(found.value);
        if (found.value !== origin || pathname !== '/' || `${search}${hash}${username}${password}` !== '') throw new Error(`${found.value} is no origin`);
        if (protocol === 'https:') return;
        if (!isAllowed || !['127.0.0.1', 'localhost', '[::1]'].includes(hostname)) throw new Error(`${found.value} is asked in the clear`);
      }),
      1_000,
    );
  });

  it('that is an origin by TLS is taken as it is', () => {
    holds(fc.property(fc.domain(), fc.integer({ min: 1, max: 65_535 }).filter((port) => port !== 443), (host, port) => addressOf('spec.address', `https://${host}:${port}`, 'x', false) === `https://${host}:${port}`));
  });
});

describe('the times of a Connector', () => {
  const durations = fc.option(fc.oneof(fc.tuple(fc.integer({ min: 0, max: 1e5 }), fc.constantFrom('ms', 's', 'm', 'h')).map(([count, unit]) => `${count}${unit}`), fc.constantFrom('', '-1s', '1d', '1e9s', 'Infinity', '0', '1h1h'), fc.string({ maxLength: 6 })), { nil: undefined });

  it('are what is usual, or within what can be waited for', () => {
    holds(
      fc.property(durations, durations, fc.nat({ max: 1e5 }), (settle, timeout, usual) => {
        const given = { ...(settle !== undefined && { settle }), ...(timeout !== undefined && { timeout }) };
        const found = taken('spec.timing.', () => timingOf(given, usual));
        if ('words' in found) return;
        const { settleTime, timeout: forOne } = found.value;
        if (settle === undefined && settleTime !== usual) throw new Error(`${settleTime} by nobody`);
        if (!(settleTime >= 0 && settleTime <= 86_400_000) || !(forOne >= 100 && forOne <= 60_000)) throw new Error(`${settleTime} and ${forOne}`);
      }),
      400,
    );
  });
});
