/** What people see of records. */
import { describe, expect, it } from 'vitest';
import { aSigningKey } from '../../../test/builders/predicate.ts';
import { aChain } from '../../../test/builders/record.ts';
import { materialOf } from '../../evidence/material.ts';
import { verify } from '../../evidence/verify.ts';
import { concerns, isOf, isWhole, printed } from './print.ts';
import type { Record } from './print.ts';

const key = aSigningKey();
const chain = aChain(3, () => key) as unknown as readonly Record[];
const report = (records: readonly Record[]) => verify(records.map(({ metadata: { name }, spec }) => materialOf(name, name, { ...spec })), { trusted: new Map(), published: new Map() });
const condition = (type: string, status: 'True' | 'False', reason: string, message: string) => ({ type, status, reason, message, lastTransitionTime: '' } as const);
const [first, second] = chain;
if (first === undefined || second === undefined) throw new Error('the chain is too short');

describe('records', () => {
  it('are a table, with their chain and its head', () => {
    const lines = printed(chain, report(chain), 80).split('\n');
    expect(lines[0]).toMatch(/^NAME +IDENTITY +OUTCOME +COMPLETED +OFFBOARDING$/);
    expect(lines[1]).toMatch(/^0000000001 +ci\/build-agent-7 +Confirmed +2026-11-23T10:00:20Z +\S+$/);
    expect(lines).toContain('chain 0000000001 to 0000000003, 3 records, none missing');
    expect(lines).toContain(`head 0000000003@${chain[2]?.spec.digest ?? ''}`);
  });

  it('that are missing, changed, or whose identity came back are told', () => {
    expect(printed([first], report(chain.filter((_, index) => index !== 1)), 80)).toContain('DOES NOT HOLD chain: there is a gap');
    const bad: Record = { ...second, status: { conditions: [condition('Intact', 'False', 'RecordChanged', 'spec.outcome\nis'), condition('Resurrected', 'True', 'Returned', 'serviceaccounts/ci/x')] } };
    expect(printed([bad], report(chain), 80)).toContain('! 0000000002 not intact: spec.outcome\\nis\n');
    expect(concerns(bad)).toHaveLength(2);
    expect(concerns({ ...second, status: { conditions: [condition('Intact', 'False', 'NewerRecord', 'x'), condition('Resurrected', 'False', 'NotReturned', 'x')] } })).toEqual([]);
  });

  it('are of an identity, by its name or with its namespace; a part of one is none', () => {
    expect([isOf(first, 'ci/build-agent-7'), isOf(first, 'build-agent-7'), isOf(first, 'prod/build-agent-7'), isOf({ ...first, spec: {} }, 'x')]).toEqual([true, true, false, false]);
    expect([isWhole(first), isWhole({ ...first, spec: { chunk: { credentials: '' } } })]).toEqual([true, false]);
  });
});
