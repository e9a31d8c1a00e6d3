import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holds } from './property.ts';

/** With the environment of a run of its own, since the seed is read once. */
const check = (env: Readonly<Record<string, string>>): string => {
  const script = `
    import fc from 'fast-check';
    import { registerHooks } from 'node:module';
    registerHooks({ resolve: (name, context, next) => (name === 'vitest' ? { url: 'data:text/javascript,export const vi={setConfig:()=>undefined};export const expect={getState:()=>({testPath:"a.test.ts",currentTestName:"x > y"})}', shortCircuit: true } : next(name, context)) });
    const { holds } = await import('./test/fuzz/property.ts');
    let tried = 0;
    try { holds(fc.property(fc.nat(), fc.nat(), (a, b) => { tried += 1; return a + b < 50; })); } catch (error) { console.log(error.message); }
    console.log('tried', tried);
  `;
  return execFileSync(process.execPath, ['--input-type=module', '-e', script], { env: { ...process.env, ...env }, encoding: 'utf8' });
};

describe('a property that does not hold', () => {
  it('is told by a small input, and by the command that tries just that one', () => {
    const first = check({ TEST_SEED: '42' });
    const [, seed = '', path = ''] = /TEST_SEED=(-?\d+) FUZZ_PATH=([\d:]+) npx vitest run a\.test\.ts -t 'y'/.exec(first) ?? [];
    const [, a, b] = /Counterexample: \[(\d+),(\d+)\]/.exec(first) ?? [];
    expect(Number(a) + Number(b)).toBe(50);
    const again = check({ TEST_SEED: seed, FUZZ_PATH: path });
    expect(again).toContain(`Counterexample: [${a ?? ''},${b ?? ''}]`);
    // The small one is the first that is tried.
    expect(Number(/tried (\d+)/.exec(again)?.[1])).toBeLessThan(Number(/tried (\d+)/.exec(first)?.[1]));
  });

  it('is seen to be none by its predicate, whether that throws or says so', () => {
    expect(() => {
      holds(fc.property(fc.boolean(), (value) => value));
    }).toThrow(/Property failed after/);
    expect(() => {
      holds(fc.property(fc.boolean(), () => { throw new Error('no'); }));
    }).toThrow(/Property failed after 1 tests/);
  });
});
