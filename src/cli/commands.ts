/** Every command, in the order in which people come to need them: one line each. */
import { cancelCommand } from './cancel/command.ts';
import type { Command } from './command.ts';
import { completionCommand } from './completion/command.ts';
import { discoverCommand } from './discover/command.ts';
import { planCommand } from './plan/command.ts';
import { recordsCommand } from './records/command.ts';
import { reportCommand } from './report/command.ts';
import { startCommand } from './start/command.ts';
import { statusCommand } from './status/command.ts';
import { verifyCommand } from './verify/command.ts';
import { waiveCommand } from './waive/command.ts';
import { whyCommand } from './why/command.ts';

export const commands: readonly Command[] = [
  discoverCommand,
  planCommand,
  startCommand,
  statusCommand,
  whyCommand,
  cancelCommand,
  waiveCommand,
  recordsCommand,
  reportCommand,
  verifyCommand,
  completionCommand,
];
