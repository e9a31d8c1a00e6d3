import { describe, expect, it } from 'vitest';

import { below, createSeededRandom, printedSeed } from '../../test/fakes/random.ts';
import { limit, mask, redact, redactText } from './redact.ts';

const jwt = 'eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQ6Y2k6YnVpbGQifQ.c2lnbmF0dXJl_-x';

describe('redact', () => {
  it.each([
    ['a JSON Web Token', `token ${jwt} was refused`, `token ${mask} was refused`],
    ['a JSON Web Token without its signature', jwt.slice(0, jwt.lastIndexOf('.')), mask],
    ['a JSON Web Token cut off in its signature', jwt.slice(0, -8), mask],
    ['a bearer token', 'Bearer 3f9c0d1b-2a', `Bearer ${mask}`],
    ['an authorization header, whatever its scheme', 'authorization: AWS4-HMAC-SHA256 Credential=A/b, Signature=c', `authorization: ${mask}`],
    ['an authorization header in JSON', '{"Authorization":"Basic dTpw"}', `{"Authorization":"${mask}"}`],
    ['a Vault service token', 'hvs.CAESIJ1-xyz_12345 is expired', `${mask} is expired`],
    ['a Vault batch token', 'hvb.AAAAAQJ12345678', mask],
    ['an OpenBao token', 'got s.3fzTq8Wc0oG1vXyZaBcDeFgH.', `got ${mask}.`],
    ['an OpenBao token of a namespace', 's.3fzTq8Wc0oG1vXyZaBcDeFgH.ns1', mask],
    ['a Vault token header', 'X-Vault-Token: root', `X-Vault-Token: ${mask}`],
    ['a Google access token', 'ya29.a0AfH6SMBx-y_z.1', mask],
    ['a password in an address', 'postgres://admin:p@ss:w0rd@db:5432/app', `postgres://${mask}@db:5432/app`],
    ['a token in an address', 'https://ghx12345@git.example.com/a', `https://${mask}@git.example.com/a`],
    ['a field of JSON', '{"client_token":"root","lease_duration":60}', `{"client_token":"${mask}","lease_duration":60}`],
    ['a field of JSON with escapes', '{"password":"a\\"b"}', `{"password":"${mask}"}`],
    ['a parameter', 'grant_type=x&refresh_token=abc&y=1', `grant_type=x&refresh_token=${mask}&y=1`],
    ['a connection string', "host=db password='hunter2' user=u", `host=db password='${mask}' user=u`],
    ['a token of a TokenRequest', '{"status":{"token":"opaque"}}', `{"status":{"token":"${mask}"}}`],
    ['a signed address', 'https://host/x?sig=abc%2F12&n=1', `https://host/x?sig=${mask}&n=1`],
    ['what follows a line end that is written out', String.raw`a\nX-Vault-Token: root b\nBearer 3f9c0d1b-2a c\npassword=hunter2`, String.raw`a\nX-Vault-Token: ${mask} b\nBearer ${mask} c\npassword=${mask}`],
    ['what a line end before it makes long enough', `\n${'aB3'.repeat(10)}x`, `\\${mask}`],
    ['a GitHub token', `ghp_abcdefghijklmnopqrstuvwxyz0123456789`, mask],
    ['a private key', `-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----\nend`, `${mask}\\nend`],
    ['a private key cut off', 'x -----BEGIN PRIVATE KEY-----\\nMIIEvQ', `x ${mask}`],
  ])('masks %s', (_, text, expected) => {
    expect(redact(text)).toBe(expected);
  });

  it.each([
    ['a UID', 'the UID 5f0c8a52-6c1d-4b3f-9d0e-1a2b3c4d5e6f does not match'],
    ['a digest', 'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08'],
    ['a lease id', 'database/creds/ci-build-agent-7/LKJHgf56aBcDeFgHiJkLmNoP is stuck'],
    ['a long path', '/apis/rbac.authorization.k8s.io/v1/namespaces/ci/rolebindings/build-agent-7-deployer'],
    ['a long name', 'build-agent-7-with-a-name-that-somebody-made-very-very-long-indeed-2026'],
    ['camel case', 'ValidatingAdmissionPolicyBindingList'],
    ['a service account', 'system:serviceaccount:ci:build-agent-7 cannot list resource "secrets"'],
    ['a cloud account', 'build-agent-7@acme-ci.iam.gserviceaccount.com'],
    ['an address', 'https://vault.vault.svc:8200/v1/sys/leases/lookup'],
    ['the words of a sentence', 'secret: not found, bearer token missing, basic authentication, token request: 403'],
  ])('leaves %s as it is', (_, text) => {
    expect(redact(text)).toBe(text);
  });

  it('escapes what would forge a line or turn one round', () => {
    expect(redact('a\nlevel=error\r\tb\u001b[31m\u202e\u2028\u0085\u200b')).toBe(
      'a\\nlevel=error\\r\\tb\\u001b[31m\\u202e\\u2028\\u0085\\u200b',
    );
    expect(redact('half \ud83d of an emoji, whole 😀')).toBe('half \\ud83d of an emoji, whole 😀');
  });

  it('masks any 32 random bytes in base64 and base64url, wherever they stand', () => {
    const random = createSeededRandom(printedSeed('redact random bytes'));
    let missed = 0;
    for (let round = 0; round < 2000; round += 1) {
      const encoding = round % 2 === 0 ? 'base64' : 'base64url';
      const secret = Buffer.from(Array.from({ length: 32 }, () => below(random, 256))).toString(encoding);
      if (redact(`value ${secret}, end`).includes(secret.slice(0, 40))) missed += 1;
    }
    // The shape is a matter of chance: letters that happen to stand in order pass for a word, about once in 430 times.
    expect(missed).toBeLessThan(20);
  });

  it('leaves nothing of a known secret in any surroundings, and is idempotent', () => {
    const random = createSeededRandom(printedSeed('redact'));
    const secrets = [jwt, 'hvs.CAESIJabcdefgh12345', 's.3fzTq8Wc0oG1vXyZaBcDeFgH', 'ya29.a0AfH6SMBabcdef'];
    const around = ['', ' ', '\n', '"', '":"', '(', ', ', '=', 'Bearer ', ': ', '\u202e', '🙂', '{"a":', 'https://x/?q=', '\\n'];
    for (let round = 0; round < 2000; round += 1) {
      const pick = <T>(list: readonly T[]): T => list[below(random, list.length)] as T;
      const secret = pick(secrets);
      const text = `${pick(around)}${pick(around)}${secret}${pick(['', ' ', '"', ')', '\n', ',', '&b=1'])}${pick(around)}`;
      const once = redact(text);
      expect(once, JSON.stringify(text)).not.toContain(secret.slice(8));
      expect(redact(once), JSON.stringify(text)).toBe(once);
    }
  });

  it('takes a hostile megabyte in its stride', () => {
    for (const text of ['a'.repeat(2 ** 20), 'eyJ'.repeat(2 ** 18), 'x://'.repeat(2 ** 18), '-----BEGIN PRIVATE KEY-----'.repeat(2 ** 15), '_-'.repeat(2 ** 19), 'token'.repeat(2 ** 17)]) {
      const start = process.cpuUsage().user;
      expect(redact(text).length).toBeLessThanOrEqual(64 * 1024);
      expect((process.cpuUsage().user - start) / 1000, text.slice(0, 20)).toBeLessThan(1000);
    }
  });
});

describe('redactText', () => {
  it('gives one line, whatever came', () => {
    expect(redactText('  a\r\nb\u2028c\u0000d\u001b[31m shown\u202eneddih ')).toBe('a b c d [31m shown neddih');
  });

  it('masks before it cuts, so that no first half of a secret is left', () => {
    expect(redactText(`${'x '.repeat(15)}${jwt}`, 38)).toBe(`${'x '.repeat(15)}[redact…`);
    expect(redactText(`${'x '.repeat(245)}${jwt}`)).not.toContain('eyJ');
  });

  it('reads a bounded part of a huge text, and shows nothing of a secret that is cut there', () => {
    expect(redactText(`a:${' '.repeat(60)}${jwt}`, 10)).toBe('a: …');
    expect(redactText('y '.repeat(5_000_000), 10)).toBe('y y y y y…');
  });
});

describe('limit', () => {
  it('keeps what fits, and shows that something was cut off', () => {
    expect(limit('abcd', 4)).toBe('abcd');
    expect(limit('abcde', 4)).toBe('abc…');
    expect(limit('ab😀cd', 4)).toBe('ab…');
    expect(limit('abc', 0)).toBe('…');
  });
});
