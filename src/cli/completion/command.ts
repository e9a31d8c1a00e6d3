/** `offboard completion`: what a shell reads to complete command lines; and what such a shell then asks. */
import { offboardingRecords, offboardings, namespaces, workloadIdentities } from '../../kube/resources.ts';
import type { Resource } from '../../kube/resources.ts';
import { namespacedFlags } from '../cluster-flags.ts';
import { withCluster } from '../cluster.ts';
import { UsageError, exitCodes } from '../command.ts';
import type { Command, Io } from '../command.ts';
import { wordsOf } from '../errors.ts';
import { oneOf, parseFlags } from '../flags.ts';
import { inCobrasWords, offerFor } from './candidates.ts';
import type { Candidate, Offer } from './candidates.ts';
import { scripts, shells } from './scripts.ts';

export const completionCommand: Command = {
  name: 'completion',
  summary: 'prints what a shell reads to complete command lines',
  about: [
    'Prints what a shell reads to complete the commands, flags and names of offboard.',
    'That of "kubectl offboard" is kubectl\'s: it asks the program kubectl_complete-offboard, which npm installs beside this one. Where there is none, "completion kubectl" prints it.',
  ],
  usage: 'bash|zsh|fish|kubectl',
  flags: {},
  exitCodes: { [exitCodes.yes]: 'it was printed', [exitCodes.unusable]: 'wrong arguments' },
  examples: [
    { line: 'source <(kubectl offboard completion bash)' },
    { line: 'kubectl offboard completion fish | source' },
    { text: 'for "kubectl offboard" itself, into a folder of your PATH', line: 'kubectl offboard completion kubectl > ~/bin/kubectl_complete-offboard\n  chmod +x ~/bin/kubectl_complete-offboard' },
  ],
  arguments: shells,
  completes: 'nothing',
  run: (args, io) => {
    const { positionals: [shell, ...more] } = parseFlags({}, args);
    if (shell === undefined || more.length > 0) throw new UsageError(`name one shell: ${shells.join(', ')}`);
    io.out(scripts[oneOf('shell', shell, shells) ?? 'bash']);
    return Promise.resolve(exitCodes.yes);
  },
};

/** Milliseconds: whoever types does not wait longer. */
const patience = 2_000;

/** The words behind the program's name, the last of which is typed. It fails in silence: there is nobody to tell. */
export const complete = async (commands: readonly Command[], words: readonly string[], io: Io): Promise<number> => {
  const offer = offerFor(commands, words.slice(0, -1), words.at(-1) ?? '');
  const candidates = offer.kind === 'Words' ? offer.candidates : offer.kind === 'Names' ? await namesFor(offer, words, io) : [];
  io.out(inCobrasWords(candidates.map(({ word, text }) => ({ word: wordsOf(word), text: wordsOf(text) })), offer.kind === 'Files'));
  return exitCodes.yes;
};

const kinds: Readonly<Record<(Offer & { readonly kind: 'Names' })['of'], Resource>> = { namespaces, offboardings, workloadidentities: workloadIdentities, records: offboardingRecords };

const namesFor = async ({ of, prefix }: Offer & { readonly kind: 'Names' }, words: readonly string[], io: Io): Promise<readonly Candidate[]> => {
  const resource = kinds[of];
  try {
    return await withCluster(clusterIn(words), io, async ({ client, namespace, signal }) => {
      const { items } = await client.list(resource, { ...(resource.namespaced ? { namespace } : {}), metadataOnly: true }, { signal, timeout: patience });
      return items.map(({ metadata: { name } }) => ({ word: name, text: '' })).filter(({ word }) => word.startsWith(prefix));
    });
  } catch {
    return [];
  }
};

/** The flags that say where, among all that was typed so far. */
const clusterIn = (words: readonly string[]): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(namespacedFlags).flatMap(([name, flag]) => {
      const at = words.findLastIndex((word, index) => index < words.length - 1 && (word === `--${name}` || ('short' in flag && word === `-${flag.short}`)));
      const set = words.findLast((word) => word.startsWith(`--${name}=`));
      const value = set === undefined ? words[at === -1 ? Infinity : at + 1] : set.slice(name.length + 3);
      return value === undefined || 'multiple' in flag ? [] : [[name, value]];
    }),
  );
