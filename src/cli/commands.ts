/** Every command, in the order in which people come to need them: one line each. */
import type { Command } from './command.ts';
import { statusCommand } from './status/command.ts';
import { verifyCommand } from './verify/command.ts';
import { whyCommand } from './why/command.ts';

export const commands: readonly Command[] = [
  statusCommand,
  whyCommand,
  verifyCommand,
];
