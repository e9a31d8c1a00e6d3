import { readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { resolve } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { mutantNamed, mutants } from './list.ts';
import { type Mutant, broken, filesOf } from './mutant.ts';

const root = resolve(import.meta.dirname, '../../..');
const read = (path: string): string => readFileSync(path, 'utf8');
const sound = (file: string): string => read(resolve(root, file));

describe('mutants', () => {
  it('have names of their own', () => {
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
  });

  it('tell whoever misspells one which there are', () => {
    expect(() => mutantNamed('no-such-mutant')).toThrow(/there is no mutant "no-such-mutant"; there are .*settle-time-ignored/);
  });

  it.each(mutants)('$name is still a text that Node can run', (mutant) => {
    for (const file of filesOf(mutant)) {
      const text = broken(mutant, file, sound(file));
      expect(text).not.toBe(sound(file));
      expect(() => stripTypeScriptTypes(text)).not.toThrow();
    }
  });

  it('that have grown old are told by name and file', () => {
    const [mutant] = mutants;
    if (mutant === undefined) throw new Error('there are none');
    const [file = ''] = filesOf(mutant);
    expect(() => broken(mutant, file, 'something else')).toThrow(`mutant ${mutant.name}: ${file} has 0 times`);
    expect(() => broken(mutant, file, `${sound(file)}${sound(file)}`)).toThrow(`mutant ${mutant.name}: ${file} has 2 times`);
  });

  // A mutant that does not even compile is a mistake that nobody could ship.
  it('are mistakes that the compiler lets pass', () => {
    const complaints = apart(mutants).flatMap(complaintsAbout);
    expect(complaints).toEqual([]);
  }, 120_000);
});

/** So that in each group no two break the same file. */
const apart = (all: readonly Mutant[]): readonly (readonly Mutant[])[] =>
  all.reduce<readonly (readonly Mutant[])[]>((groups, mutant) => {
    const free = groups.findIndex((group) => !group.some((other) => filesOf(other).some((file) => filesOf(mutant).includes(file))));
    return free < 0 ? [...groups, [mutant]] : groups.map((group, index) => (index === free ? [...group, mutant] : group));
  }, []);

const options = (): ts.CompilerOptions => {
  const { config } = ts.readConfigFile(resolve(root, 'tsconfig.json'), read) as { readonly config: unknown };
  return ts.parseJsonConfigFileContent(config, ts.sys, root).options;
};

/** What did not change is parsed once for all groups. */
const parsed = new Map<string, ts.SourceFile>();

const complaintsAbout = (group: readonly Mutant[]): readonly string[] => {
  const texts = new Map(group.flatMap((mutant) => filesOf(mutant).map((file) => [resolve(root, file), { mutant, text: broken(mutant, file, sound(file)) }] as const)));
  const settings = options();
  const host = ts.createCompilerHost(settings);
  const parse = host.getSourceFile.bind(host);
  const program = ts.createProgram([...texts.keys()], settings, {
    ...host,
    getSourceFile: (path, language) => {
      const changed = texts.get(path);
      if (changed !== undefined) return ts.createSourceFile(path, changed.text, language);
      const known = parsed.get(path) ?? parse(path, language);
      if (known !== undefined) parsed.set(path, known);
      return known;
    },
  });
  return [...texts].flatMap(([path, { mutant }]) => {
    const file = program.getSourceFile(path);
    const found = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
    return found.map(({ messageText }) => `${mutant.name}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`);
  });
};
