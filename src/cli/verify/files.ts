/** Records in files, and on standard input. */
import { readFile } from 'node:fs/promises';
import { unreadable } from '../command.ts';
import type { Io } from '../command.ts';
import { joined, readInput } from './input.ts';
import type { Input } from './input.ts';

/** All of them, in their order; `-` is standard input. @throws CannotError that names the file. */
export const readFiles = async (files: readonly string[], io: Io): Promise<Input> => {
  const inputs: Input[] = [];
  for (const file of files) {
    inputs.push(readInput(file === '-' ? 'standard input' : file, file === '-' ? await io.stdin() : await readText(file)));
  }
  return joined(inputs);
};

const readText = async (file: string): Promise<string> => {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw unreadable(file, error);
  }
};
