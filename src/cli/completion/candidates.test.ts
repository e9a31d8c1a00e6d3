/** What a shell offers. */
import { describe, expect, it } from 'vitest';
import { commands } from '../commands.ts';
import { inCobrasWords, offerFor } from './candidates.ts';

const words = (line: string): readonly string[] => {
  const typed = line.split(' ');
  const offer = offerFor(commands, typed.slice(0, -1), typed.at(-1) ?? '');
  return offer.kind === 'Words' ? offer.candidates.map(({ word }) => word) : [offer.kind === 'Names' ? `<${offer.of}>` : '<files>'];
};

describe('the word that is typed', () => {
  it.each([
    ['sta', ['start', 'status']],
    ['-n ci wh', ['why']],
    ['status ', ['<offboardings>']],
    ['status -n ', ['<namespaces>']],
    ['status --namespace ', ['<namespaces>']],
    ['status -o ', ['json', 'yaml']],
    ['status --output=j', ['--output=json']],
    ['status --wat', ['--watch']],
    ['status --watch ', ['<offboardings>']],
    ['start ', ['<workloadidentities>']],
    ['start x --reason C', ['Compromised']],
    ['start -f ', ['<files>']],
    ['verify ', ['<files>']],
    ['records ', ['<records>']],
    ['completion z', ['zsh']],
    ['cancel x --reason ', []],
    ['nothing ', []],
  ])('may be, after "%s", %j', (line, expected) => {
    expect(words(line)).toEqual(expected);
  });

  it('is told as Cobra tells it', () => {
    expect(inCobrasWords([{ word: 'a', text: 'says a' }, { word: 'b', text: '' }], false)).toBe('a\tsays a\nb\n:4\n');
    expect(inCobrasWords([], true)).toBe(':0\n');
  });
});
