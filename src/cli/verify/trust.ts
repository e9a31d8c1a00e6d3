/** Who is trusted: whoever the one who asks names, in files of his own. */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { readPublicKeys } from '../../evidence/keys.ts';
import type { PublicKey } from '../../evidence/keys.ts';
import { unreadable } from '../command.ts';
import type { Io } from '../command.ts';
import type { VerifyOptions } from './options.ts';

/** Throws a message that names the file. The default one need not be there, and does not count beside keys that were named. */
export const readTrusted = ({ keys, trustFile }: Pick<VerifyOptions, 'keys' | 'trustFile'>, env: Io['env']): readonly PublicKey[] => {
  const named = [...keys, ...(trustFile === undefined ? [] : [trustFile])];
  const usual = usualFile(env);
  const files = named.length > 0 ? named : existsSync(usual) ? [usual] : [];
  return files.flatMap(readKeys);
};

const usualFile = (env: Io['env']): string => {
  const configured = env['XDG_CONFIG_HOME'] ?? '';
  return join(configured === '' ? join(env['HOME'] ?? homedir(), '.config') : configured, 'offboard', 'trusted-keys.pem');
};

const readKeys = (file: string): readonly PublicKey[] => {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw unreadable(file, error);
  }
  try {
    return readPublicKeys(text);
  } catch (error) {
    throw new Error(`${file} ${error instanceof Error ? error.message : 'holds no keys'}`);
  }
};
