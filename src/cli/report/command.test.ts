import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aPredicate, aSigningKey } from '../../../test/builders/predicate.ts';
import { aChain } from '../../../test/builders/record.ts';
import { createFakeClock } from '../../../test/fakes/clock.ts';
import type { Io } from '../command.ts';
import { UsageError } from '../errors.ts';
import { reportCommand } from './command.ts';
import { subjectOf } from './options.ts';

const key = aSigningKey();
const run = (name: string, namespace: string) => ({ run: { ...aPredicate().run, name, namespace } });
const chain = aChain(3, () => key, (place) => (place === 1 ? run('retire', 'ci') : place === 2 ? run('retire', 'prod') : run('again', 'ci')));
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'offboard-report-'));
  writeFileSync(join(folder, 'key.pub'), key.publicKeyPem);
  writeFileSync(join(folder, 'records.jsonl'), chain.map((record) => `${JSON.stringify(record)}\n`).join(''));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

const report = async (...words: readonly string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }> => {
  let [out, err] = ['', ''];
  const io: Io = { env: { HOME: folder }, stdin: () => Promise.resolve(''), ask: undefined, out: (text) => { out += text; }, err: (text) => { err += text; }, columns: undefined, rows: undefined, signal: new AbortController().signal, clock: createFakeClock(), version: '0.1.0' };
  const code = await reportCommand.run([...words, '-f', join(folder, 'records.jsonl')], io);
  return { code, out, err };
};
const trusted = (): readonly string[] => ['--key', join(folder, 'key.pub')];
const recordIn = (page: string): string | undefined => /<p class="kicker">Offboarding record (\d+)/.exec(page)?.[1];

describe('the name of what is reported', () => {
  it('is an Offboarding, or a record by its number', () => {
    expect(['build-agent-7-retired', '42', '0000000042', 'record/42', 'ofr/0000000042', 'offboarding/42'].map((word) => subjectOf(word))).toEqual([
      { kind: 'Offboarding', name: 'build-agent-7-retired' },
      ...Array.from({ length: 4 }, () => ({ kind: 'Record', name: '0000000042' })),
      { kind: 'Offboarding', name: '42' },
    ]);
    for (const word of ['record/x', 'pod/x', 'record/00000000042']) expect(() => subjectOf(word)).toThrow(UsageError);
  });
});

describe('offboard report, from a file', () => {
  it('finds a record by its number and by the Offboarding that it is of, and ends with 0 where it is proven', async () => {
    expect(recordIn((await report('2', ...trusted())).out)).toBe('0000000002');
    expect(recordIn((await report('again', ...trusted())).out)).toBe('0000000003');
    const { code, out, err } = await report('retire', '-n', 'prod', ...trusted());
    expect({ code, err, record: recordIn(out) }).toEqual({ code: 0, err: '', record: '0000000002' });
  });

  it('says on the way what the page says, where it is not proven', async () => {
    expect(await report('again')).toMatchObject({ code: 2, err: 'offboard report: the page says: The signature was not checked: nobody here has the key. Name the key that its owner kept: --key FILE\n' });
    const cut = await report('again', ...trusted(), '--expect-head', `sha256:${'0'.repeat(64)}`);
    expect(cut).toMatchObject({ code: 1, err: expect.stringContaining('the page says: This record does not hold: the record that must be there is not') as string });
    expect(recordIn(cut.out)).toBe('0000000003');
  });

  it('makes no page of what is not there, or of which there are two', async () => {
    expect(await report('none', ...trusted())).toEqual({ code: 1, out: '', err: 'offboard report: there is no record of an Offboarding "none" in what was given\n' });
    expect(await report('9', ...trusted())).toEqual({ code: 1, out: '', err: 'offboard report: there is no record 0000000009 in what was given\n' });
    expect(await report('retire', ...trusted())).toEqual({ code: 1, out: '', err: 'offboard report: there are records of ci/retire and prod/retire: say which with -n\n' });
    expect((await report(...trusted())).err).toContain('there are 3 records in what was given: name one');
    await expect(report('1', '--context', 'x')).rejects.toThrow('--context or --file, not both');
  });
});
