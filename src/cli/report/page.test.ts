import { describe, expect, it } from 'vitest';
import { aPredicate, aRecordedCredential, aRecordedDependency, aSigningKey } from '../../../test/builders/predicate.ts';
import { aChain, aLongRecord, aRecord } from '../../../test/builders/record.ts';
import type { RecordObject } from '../../../test/builders/record.ts';
import { keysById, readPublicKeys } from '../../evidence/keys.ts';
import type { Keyring } from '../../evidence/keys.ts';
import { materialOf } from '../../evidence/material.ts';
import type { Predicate, RecordedCredential } from '../../evidence/predicate.ts';
import { exitCodeOf } from '../verify/command.ts';
import { pageOf } from './page.ts';
import { checked } from './subject.ts';
import type { Checked, Given } from './subject.ts';

const key = aSigningKey();
const known = keysById(readPublicKeys(key.publicKeyPem));
const trusted: Keyring = { trusted: known, published: new Map() };

const lookAt = (objects: readonly RecordObject[], keys: Keyring = trusted, given: Partial<Given> = {}): Checked => {
  const material = objects.map(({ metadata: { name }, spec }) => materialOf(`record ${name}`, name, spec));
  const found = checked({ material, unreadable: [], subject: { kind: 'Record', name: '0000000001' }, aftermath: [], ...given }, keys);
  if (typeof found === 'string') throw new Error(found);
  return found;
};
const pageAbout = (predicate: Predicate, keys?: Keyring): string => pageOf(lookAt([aRecord(predicate, key)], keys), '0.1.0');

/** What a person reads: without tags, entities as they look. */
const read = (page: string): string =>
  page.replace(/<style>.*<\/style>/s, '').replace(/<[^>]*>/g, ' ').replace(/&(?:lt|gt|quot|#39|amp);/g, (found) => ({ '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'" })[found] ?? '&').replace(/\s+/g, ' ');
const tagsOf = (page: string): readonly string[] => [...page.matchAll(/<\/?[a-z][a-z0-9]*/gi)].map(([tag]) => tag);
const toneOf = (page: string): readonly (string | undefined)[] => [...page.matchAll(/class="seal (\w+)"/g)].map(([, tone]) => tone);

const open: RecordedCredential = { id: 'database/creds/ci/1', class: 'Lease', state: 'Present', foundAt: '2026-11-23T10:00:02.000Z', residualUntil: '2026-12-24T10:00:00Z' };
const tried = aRecordedCredential({ id: 'tokens of ci/build-agent-7', class: 'BoundTokens', strength: 'Probed', method: 'probe/tokenreview', probe: { controlAt: '2026-11-23T10:00:02.500Z', deadAt: '2026-11-23T10:00:05.900Z', refusedAt: '2026-11-23T10:00:06.000Z', lastRefusedAt: '2026-11-23T10:00:18.000Z', refusals: 12, servers: 2 } });

const waived = aPredicate({
  outcome: 'CompletedWithWaivers',
  people: { ...aPredicate().people, waivers: [{ name: 'give-up', dependency: 'vault', approvedBy: 'carol@example.com', expiresAt: '2027-01-31T00:00:00+01:00', reason: 'the database is gone' }] },
  dependencies: [aRecordedDependency({ credentials: [aRecordedCredential(), tried] }), aRecordedDependency({ name: 'vault', kind: 'vault', state: 'Waived', credentials: [{ ...open, strength: 'Waived' }] })],
});
const { revokeStartedAt: _, revokedAt: __, ...unrevoked } = aPredicate().run;
const cancelled = aPredicate({
  outcome: 'Cancelled',
  run: unrevoked,
  people: { ...aPredicate().people, cancel: { requestedBy: { username: 'bob' }, reason: 'still in use', accepted: true } },
  dependencies: [aRecordedDependency({ state: 'Open', lock: 'NotLocked', credentials: [open] })],
});

describe('the page about a record', () => {
  it('names each credential: what its end rests on, when it was found, asked to end, absent and confirmed, and how that was seen', () => {
    const text = read(pageAbout(aPredicate({ dependencies: [aRecordedDependency({ credentials: [aRecordedCredential(), tried] })] })));
    expect(text).toContain('ServiceAccount ci/build-agent-7 ServiceAccount, UID 6f1c1f6e-0000-4000-8000-000000000007');
    expect(text).toContain('Observed 10:00:02 10:00:05 10:00:06 10:00:18 get/serviceaccounts absent for 11.9 s');
    expect(text).toContain('tokens of ci/build-agent-7 BoundTokens, kubernetes 10:00:02.500 10:00:05.900 10:00:06 10:00:18 12 2');
  });

  it('says who asked, who gave a part up and until when, and puts what may still work before all that is gone', () => {
    const page = pageAbout(waived);
    const text = read(page);
    expect(text).toContain('Asked for by alice@example.com');
    expect(text).toContain('give-up vault carol@example.com 2027-01-30 23:00:00 UTC the database is gone');
    expect(text).toContain('database/creds/ci/1 Lease Waived , until 2026-12-24 10:00:00 UTC');
    expect(text.indexOf('database/creds/ci/1')).toBeLessThan(text.indexOf('tokens of ci/build-agent-7'));
    expect(text).toContain('That 2 of 3 credentials in 2 systems have a proven end, by what it was proven, and which 1 has none.');
  });

  it('tells an end that left something in another colour and other words than one that did not', () => {
    expect(toneOf(pageAbout(aPredicate()))).toEqual(['good', 'good']);
    expect(toneOf(pageAbout(waived))).toEqual(['good', 'care']);
    expect(toneOf(pageAbout(cancelled))).toEqual(['good', 'bad']);
    expect(read(pageAbout(cancelled))).toContain('It was called off before anything was revoked. The identity may have all of its access.');
    for (const predicate of [aPredicate(), waived, cancelled]) expect(pageAbout(predicate)).not.toMatch(/complian/i);
  });

  it('is the same for the same record, and loads and runs nothing', () => {
    const page = pageAbout(waived);
    expect(pageAbout(waived)).toBe(page);
    expect(page).not.toMatch(/<script|<img|<link|<iframe|\son\w+=|url\(|@import|src=/i);
    expect([...page.matchAll(/href="([^"]*)"/g)].every(([, to]) => to?.startsWith('#'))).toBe(true);
    expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'; img-src data:;`);
  });

  it('shows how to verify the record, with its own digest and place', () => {
    const [first, second] = aChain(2, () => key);
    if (first === undefined || second === undefined) throw new Error('the chain is too short');
    const text = read(pageOf(lookAt([first, second], trusted, { subject: { kind: 'Record', name: '0000000002' } }), '0.1.0'));
    expect(text).toContain(`kubectl offboard verify records.yaml --key signing-key.pub --expect-head 0000000002@${second.spec.digest ?? ''}`);
    expect(text).toContain(`Record before 0000000001 ${first.spec.digest ?? ''}`);
    expect(text).toContain('2 records, 0000000001 to 0000000002, none missing between them');
  });
});

describe('what the page says first', () => {
  const record = aRecord(aPredicate(), key);
  const { envelope } = record.spec;
  const flipped = (sig: string): string => `${sig.startsWith('A') ? 'B' : 'A'}${sig.slice(1)}`;
  const forged: RecordObject = { ...record, spec: { ...record.spec, envelope: { ...(envelope ?? { payload: '', payloadType: '' }), signatures: [{ keyid: key.keyid, sig: flipped(envelope?.signatures[0]?.sig ?? '') }] } } };
  const stranger: Keyring = { trusted: keysById(readPublicKeys(aSigningKey().publicKeyPem)), published: known };

  it.each<[string, RecordObject, Keyring, number, string, readonly string[]]>([
    ['a key that is trusted', record, trusted, 0, 'The record holds', ['good', 'good']],
    ['a key of the cluster', record, { trusted: new Map(), published: known }, 2, 'The signature is valid, and its key is not independent', ['care', 'care']],
    ['a key of somebody else', record, stranger, 1, 'This record does not hold', ['bad', 'bad']],
    ['no key', record, { trusted: new Map(), published: new Map() }, 2, 'The signature was not checked: nobody here has the key', ['bad']],
    ['a signature that fails', forged, trusted, 1, 'This record does not hold: its signature fails', ['bad']],
    ['fields that are not signed', { ...record, spec: { ...record.spec, outcome: 'Cancelled' } }, trusted, 1, 'This record does not hold', ['bad', 'bad']],
    ['claims that do not add up', aRecord(aPredicate({ dependencies: [] }), key), trusted, 1, 'This record does not hold', ['bad', 'bad']],
  ])('is what came of the check: %s', (_, object, keys, exitCode, title, tones) => {
    const found = lookAt([object], keys);
    const page = pageOf(found, '0.1.0');
    expect(exitCodeOf(found)).toBe(exitCode);
    expect(toneOf(page)).toEqual(tones);
    expect(/<h2 id="seal-title">([^<]*)<\/h2>/.exec(page)?.[1]).toBe(title);
    // What is not proven is stamped on every sheet, and what is not signed is not shown.
    expect(page.includes('<div class="stamp"')).toBe(exitCode !== 0);
    expect(page.includes('build-agent-7')).toBe(found.signature === 'Trusted' || found.signature === 'Untrusted');
    for (const { message } of found.problems) expect(read(page)).toContain(`: ${message} `);
    if (exitCode === 1) expect(page).not.toContain('Controls that it may be evidence for');
  });

  it('is also that a part is missing, that another record has the name, and that the run says another digest', () => {
    const [, ...root] = aLongRecord(aPredicate({ dependencies: [aRecordedDependency({ credentials: Array.from({ length: 20 }, (_, index) => aRecordedCredential({ id: `x/${String(index)}` })) })] }), key, 4_000);
    expect(lookAt(root).problems.map(({ check }) => check)).toContain('chunks');
    expect(read(pageOf(lookAt(root), '0.1.0'))).toMatch(/\d+ more rows are not in this page/);
    expect(lookAt([record, forged]).problems.map(({ message }) => message)).toContain('2 different records are named 0000000001; this page is about one of them');
    expect(lookAt([record], trusted, { expected: { name: '0000000001', digest: 'sha256:0' } }).verdict).toBe('DoesNotHold');
  });

  it('is followed by what became of it since', () => {
    const chain = aChain(2, () => key, (place) => (place === 2 ? { record: { name: '', cluster: aPredicate().record.cluster, revises: '0000000001' } } : waived));
    const page = read(pageOf(lookAt(chain, trusted, { aftermath: ['came back: serviceaccounts/ci/x'] }), '0.1.0'));
    expect(page).toContain('Record 0000000002 revises this one.');
    expect(page).toContain('The cluster says of this record, and nobody signed that: came back: serviceaccounts/ci/x');
  });
});

describe('names that somebody chose to do harm', () => {
  const everywhere = (text: string): Predicate => {
    const of = (name: string): string => `${name} ${text}`;
    const hostile = { ...aRecordedCredential(), id: of('id'), uid: of('uid'), class: of('class'), method: of('method'), message: of('message'), grants: [of('grant')], requestId: of('request') };
    const base = waived;
    return {
      ...base,
      identity: { serviceAccount: { namespace: of('ns'), name: of('name'), uid: of('uid') }, workloadIdentity: { namespace: of('ns'), name: of('wid'), uid: of('uid'), generation: 1 }, certificates: [{ commonName: of('cn'), notAfter: '2026-11-23T10:00:00Z' }], probe: true },
      run: { ...base.run, namespace: of('ns'), name: of('run'), uid: of('uid'), reason: of('reason'), urgency: of('urgency'), soak: of('soak') },
      people: { requestedBy: { username: of('alice') }, enforcedBy: { username: of('bob') }, cancel: { requestedBy: { username: of('carol') }, reason: of('late'), accepted: false }, waivers: [{ name: of('waiver'), dependency: of('vault'), approvedBy: of('dave'), expiresAt: '2027-01-31T00:00:00Z', reason: of('because') }], glassBroken: true },
      dependencies: [
        { ...aRecordedDependency(), name: of('vault'), kind: of('kind'), state: 'Waived', message: of('stuck'), credentials: [hostile, { ...tried, id: of('tried') }, { ...open, strength: 'Waived', id: of('open'), message: of('left') }], outlasting: [{ class: of('class'), kind: 'TokenCache', message: of('cached') }], findings: [{ type: 'NotProvable', object: of('watch'), message: of('goes on') }, { type: 'NotProbed', message: of('not tried') }] },
      ],
      versions: { offboard: of('0.1.0'), kubernetes: of('v1') },
      record: { ...base.record, cluster: of('cluster'), supersedes: of('old') },
    };
  };
  const plain = pageAbout(everywhere('x'));

  it.each([
    ['tags', '</style></script><script>alert(1)</script><img src=x onerror=alert(1)>'],
    ['ends of attributes', `" onload="alert(1)' onload='alert(1)`],
    ['entities and comments', '&lt;b&gt; <!-- --> <![CDATA[ ]]> &#x3c;'],
    ['what turns text round', '\u202eevil\u2066\u200f\u0000\u001b[2J\n\r'],
  ])('change nothing of the page but their own words: %s', { timeout: 30_000 }, (_, text) => {
    const page = pageAbout(everywhere(text));
    expect(tagsOf(page)).toEqual(tagsOf(plain));
    expect([...page.matchAll(/\s(on\w+|src|style)=/g)].filter(([found]) => !read(page).includes(found))).toEqual([]);
    expect(page).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202a-\u202e\u2066-\u2069\u200f]/);
    expect(page.match(/<[^>]*\salert\(1\)/)).toBeNull();
  });

  it('of a million characters are cut, and told from others by their digest', { timeout: 60_000 }, () => {
    const longest = '<'.repeat(1_000_000);
    const page = pageAbout(aPredicate({
      run: { ...aPredicate().run, reason: longest },
      people: { ...aPredicate().people, requestedBy: { username: longest } },
      dependencies: [aRecordedDependency({ name: longest, credentials: [aRecordedCredential({ id: `id ${longest}`, class: longest, grants: [longest] })], findings: [{ type: 'NotProvable', message: longest }] })],
    }));
    expect(page.length).toBeLessThan(200_000);
    expect(read(page)).toMatch(/id <{100,240}… \(1,000,003 characters, SHA-256 [0-9a-f]{64}\)/);
  });
});

describe('a record of thousands of credentials', () => {
  it('is a page of less than two megabytes that shows what is left first, and says how many more there are and where', { timeout: 120_000 }, () => {
    const lot = Array.from({ length: 5_000 }, (_, index) => aRecordedCredential({ id: `rolebindings/team-${String(index % 40)}/agent-${String(index)}`, class: index % 3 === 0 ? 'ClusterRoleBinding' : 'RoleBinding' }));
    const predicate = aPredicate({ ...waived, dependencies: [aRecordedDependency(), aRecordedDependency({ name: 'vault', kind: 'vault', state: 'Waived', credentials: [...lot, { ...open, strength: 'Waived' }] })] });
    const objects = aLongRecord(predicate, key, 400_000);
    const found = lookAt(objects);
    expect(found.verdict).toBe('Proven');
    const page = pageOf(found, '0.1.0');
    expect(page.length).toBeLessThan(2_000_000);
    const text = read(page);
    const [, more = ''] = /([\d,]+) more rows are not in this page\. They are in \d+ parts of the signed record, chunk-/.exec(text) ?? [];
    const rows = page.split(/<table class="credentials">/)[2]?.split('</table>')[0]?.match(/<tr><th scope="row">/g) ?? [];
    expect(rows.length + Number(more.replace(',', ''))).toBe(5_001);
    expect(page.split(/<table class="credentials">/)[2]).toMatch(/^.{0,400}<tbody>\n<tr><th scope="row"><code>database\/creds\/ci\/1<\/code>/s);
    expect(text).toContain('By class Class Credentials Observed Waived ClusterRoleBinding 1,667 1,667 0');
  });
});
