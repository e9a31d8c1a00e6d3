/** What a person can run where the operator may not. Names are hostile: each is one quoted word, and never a flag. */
import { type Binding, type PlacedSubject, storedSubject } from './bindings.ts';
import type { AccountName } from './identity.ts';
import { shellQuote } from '../text.ts';

/** A message that is cut must never end in half a command. */
const longest = 600;

/** `rolebinding/name -n namespace`: the kind goes first, so a name that begins with a dash is no flag. */
const bindingWords = (binding: Pick<Binding, 'kind' | 'namespace' | 'name'>): string =>
  `${shellQuote(`${binding.kind.toLowerCase()}/${binding.name}`)}${
    binding.namespace === undefined ? '' : ` -n ${shellQuote(binding.namespace)}`
  }`;

/**
 * Removes just these subjects, the last first so that the places of the others hold, each only if it is still the one
 * at that place. kubectl has no command of its own for that. `undefined` when it would be too long to show whole.
 */
export const removeSubjectsCommand = (binding: Binding, subjects: readonly PlacedSubject[]): string | undefined => {
  const operations = [...subjects]
    .sort((one, other) => other.index - one.index)
    .flatMap((subject) => [
      { op: 'test', path: `/subjects/${String(subject.index)}`, value: storedSubject(subject) },
      { op: 'remove', path: `/subjects/${String(subject.index)}` },
    ]);
  return shown(`kubectl patch ${bindingWords(binding)} --type=json -p ${shellQuote(JSON.stringify(operations))}`);
};

export const deleteBindingCommand = (binding: Pick<Binding, 'kind' | 'namespace' | 'name'>): string | undefined =>
  shown(`kubectl delete ${bindingWords(binding)}`);

export const deleteAccountCommand = (account: AccountName): string =>
  `kubectl delete ${shellQuote(`serviceaccount/${account.name}`)} -n ${shellQuote(account.namespace)}`;

const shown = (command: string): string | undefined => (command.length > longest ? undefined : command);
