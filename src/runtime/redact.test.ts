import { describe, expect, it } from 'vitest';

import { escapeControls, limit, redactSecrets, redactText } from './redact.ts';

// Put together here, so that no scanner takes this file for a leak.
const jwt = ['eyJhbGciOiJSUzI1NiIsImtpZCI6Ik', 'eyJpc3MiOiJrdWJlcm5ldGVzL3NlcnZpY2VhY2NvdW50In0', 'c2lnbmF0dXJl-_'].join('.');
const base64 = Buffer.from(Array.from({ length: 48 }, (_, index) => (index * 151 + 77) % 256)).toString('base64');
const pem = ['-----BEGIN EC PRIVATE KEY-----', 'MHcCAQEE', '-----END EC PRIVATE KEY-----'].join('\n');

describe('redactSecrets', () => {
  it.each([
    ['a JSON Web Token', `token ${jwt} refused`, 'token [redacted] refused'],
    ['a JSON Web Token after an underscore', `x_${jwt}`, 'x_[redacted]'],
    ['a JSON Web Token that was cut off', `token ${jwt.slice(0, 60)}`, 'token [redacted]'],
    ['a bearer token', 'Authorization: Bearer abcdefgh12345', 'Authorization: Bearer [redacted]'],
    ['basic credentials', 'authorization: basic dXNlcjpwYXNz', 'authorization: basic [redacted]'],
    ['another authorization', 'Authorization: Negotiate-abc', 'Authorization: [redacted]'],
    ['a Vault service token', `hvs.${'CAESIabcdef'} denied`, '[redacted] denied'],
    ['a Vault batch token', `hvb.${'AAAAAQabcdef'}`, '[redacted]'],
    ['an OpenBao token', `token s.${'a1B2c3D4e5F6g7H8i9J0k1L2'} is bad`, 'token [redacted] is bad'],
    ['an OpenBao token of a namespace', `s.${'a1B2c3D4e5F6g7H8i9J0k1L2'}.Ab12x`, '[redacted]'],
    ['a Google access token', `ya29.${'a0AfB_byC-1234'}`, '[redacted]'],
    ['a GitHub token', `ghp_${'abcdefghijklmnopqrstuvwxyz0123456789'}`, '[redacted]'],
    ['a private key', `key: ${pem} end`, 'key: [redacted] end'],
    ['a private key that was cut off', `key: ${pem.slice(0, 40)}`, 'key: [redacted]'],
    ['user and password in an address', 'postgres://app:hunter2@db:5432/x', 'postgres://[redacted]@db:5432/x'],
    ['a password that holds an @', 'https://app:p@ss@host/path', 'https://[redacted]@host/path'],
    ['a token as the user of an address', 'https://0123token@host/', 'https://[redacted]@host/'],
    ['a header', 'X-Vault-Token: 1234-5678', 'X-Vault-Token: [redacted]'],
    ['a form field', 'client_secret=abc123&grant=x', 'client_secret=[redacted]&grant=x'],
    ['a member of a JSON text', '{"password":"hunter22","a":1}', '{"password":"[redacted]","a":1}'],
    ['the token of a TokenRequest', '{"status":{"token":"opaque"}}', '{"status":{"token":"[redacted]"}}'],
    ['a signed address', 'https://host/x?sig=abc%2F12&n=1', 'https://host/x?sig=[redacted]&n=1'],
    ['random bytes in base64', `value ${base64}.`, 'value [redacted].'],
  ])('masks %s', (_, text, expected) => {
    expect(redactSecrets(text)).toBe(expected);
  });

  it.each([
    ['a UID', '5f0c6c56-6f43-4d8a-9d0e-0a1b2c3d4e5f'],
    ['a digest', `sha256:${'0123456789abcdef'.repeat(4)}`],
    ['a path', '/apis/rbac.authorization.k8s.io/v1/namespaces/ci/rolebindings/build-agent-7-edit-binding-of-the-team'],
    ['a name', 'Deployment/ci/a-rather-long-name-of-a-workload-7d9f8b6c5d-x2x4z'],
    ['a user name', 'system:serviceaccount:offboard-system:offboard-controller-manager-production'],
    ['an address', 'https://vault.vault.svc:8200/v1/auth/token/lookup'],
    ['a refusal', 'secrets is forbidden: User "x" cannot list resource "secrets" in API group "" at the cluster scope'],
    ['an expired token', 'the token is expired; the password was changed'],
  ])('leaves %s as it is', (_, text) => {
    expect(redactSecrets(text)).toBe(text);
  });

  it('takes a time that grows with the length of the text only', () => {
    for (const hostile of ['eyJ', '://a', 'Bearer ', '-----BEGIN PRIVATE KEY-----', 'a'.repeat(100), 'token="', 's.a']) {
      const text = hostile.repeat(Math.ceil(40_000 / hostile.length));
      const start = performance.now();
      redactSecrets(text);
      expect(performance.now() - start, hostile).toBeLessThan(2000);
    }
  });
});

describe('redactText', () => {
  it('gives one line, whatever came', () => {
    expect(redactText('a\r\nb\u2028c\u0000d\u001b[31m')).toBe('a b c d [31m');
    expect(redactText('  shown\u202eneddih  ')).toBe('shown neddih');
  });

  it('masks before it cuts, so that no first half of a secret is left', () => {
    const text = redactText(`${'x'.repeat(30)} ${jwt}`, 40);
    expect(text).toBe(`${'x'.repeat(30)} [redacte…`);
    expect(redactText(`${'x'.repeat(500)} ${jwt}`)).not.toContain('eyJ');
  });

  it('reads only a bounded part of a huge text', () => {
    expect(redactText('y '.repeat(5_000_000), 10)).toHaveLength(10);
  });
});

describe('limit', () => {
  it('cuts with an ellipsis, never through a character', () => {
    expect(limit('abc', 3)).toBe('abc');
    expect(limit('abcd', 3)).toBe('ab…');
    expect(limit('ab😀d', 4)).toBe('ab…');
    expect(limit('abcd', 0)).toBe('…');
  });
});

describe('escapeControls', () => {
  it('writes out what would deceive', () => {
    expect(escapeControls('a\nb\u202ec\u007f')).toBe('a\\u000ab\\u202ec\\u007f');
    expect(escapeControls('äöü 日本')).toBe('äöü 日本');
  });
});
