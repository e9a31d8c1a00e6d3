/** An answer, or none, is taken for more than it says. */
import { type Mutant, aTiredEngineer } from './mutant.ts';

const kubeErrors = 'src/kube/errors.ts';
const vaultErrors = 'src/revokers/vault/errors.ts';
const googleErrors = 'src/revokers/google-cloud/errors.ts';

export const classification: readonly Mutant[] = [
  {
    name: 'kubernetes-error-is-absent',
    lie: 'An object that could not be read, for whatever reason, is told to be gone.',
    who: aTiredEngineer,
    patches: [
      {
        file: 'src/revokers/kubernetes/client.ts',
        find: "return { state: 'Unknown', message: verdict.state === 'Unknown' ? verdict.message : '', error };",
        replace: "return { state: 'Absent' };",
      },
    ],
  },
  {
    name: 'runner-error-is-absent',
    lie: 'A system that is down, or that does not answer in time, is told to have lost every credential.',
    who: "crossplane's provider-kubernetes, as proposed: a cluster that cannot be reached while an object is deleted is taken for one that is gone",
    source: 'https://github.com/crossplane-contrib/provider-kubernetes/pull/39',
    patches: [
      {
        file: 'src/revokers/runner.ts',
        find: ".catch((error: unknown) => ({ state: 'Unknown',",
        replace: ".catch((error: unknown) => ({ state: 'Absent',",
      },
    ],
  },
  {
    name: 'kubernetes-any-404-is-gone',
    lie: 'A 404 of a proxy, or about something else, is told to be the end of the object.',
    who: 'multiclusterhub-operator: a kind that the API server does not know is passed over while it cleans up',
    source: 'https://github.com/stolostron/multiclusterhub-operator/pull/939',
    patches: [
      {
        file: kubeErrors,
        find: `  error.code === 404 &&
  error.reason === 'NotFound' &&
  error.details?.name === name &&
  (error.details.group ?? '') === resource.group &&
  (error.details.kind === resource.plural || error.details.kind === resource.kind) &&
  !blamesRole(error, resource);`,
        replace: '  error.code === 404 && (name === name || blamesRole(error, resource));',
      },
    ],
  },
  {
    name: 'kubernetes-403-is-gone',
    lie: 'What we may not read any more is told to be gone.',
    who: aTiredEngineer,
    patches: [
      {
        file: 'src/revokers/kubernetes/errors.ts',
        find: 'isNotFound(error, asked.resource, redactText(asked.name, 300))',
        replace: '(isNotFound(error, asked.resource, redactText(asked.name, 300)) || (error instanceof ApiError && error.code === 403))',
      },
    ],
  },
  {
    name: 'vault-400-is-gone',
    lie: 'A lease about which Vault says 400, for whatever reason, is told to be gone.',
    who: aTiredEngineer,
    patches: [
      {
        file: vaultErrors,
        find: "if (answer.status === 400 && wordsOf(answer.body) === 'invalid lease') return { state: 'Gone' };",
        replace: "if (answer.status === 400) return { state: 'Gone' };",
      },
    ],
  },
  {
    name: 'vault-403-is-gone',
    lie: 'A lease that we may not look up any more is told to be gone.',
    who: aTiredEngineer,
    patches: [
      {
        file: vaultErrors,
        find: "if (answer.status === 400 && wordsOf(answer.body) === 'invalid lease') return { state: 'Gone' };",
        replace: "if (answer.status === 403 || (answer.status === 400 && wordsOf(answer.body) === 'invalid lease')) return { state: 'Gone' };",
      },
    ],
  },
  {
    name: 'vault-queued-is-gone',
    lie: 'A lease whose end was only asked for, and may fail yet, is told to be gone.',
    who: 'the controllers of AWS: a delete that was accepted, and goes on, was the end until a check was proposed',
    source: 'https://github.com/aws-controllers-k8s/runtime/pull/229',
    patches: [
      {
        file: vaultErrors,
        find: "return ttl > 0 ? { state: 'Live' } : { state: 'Pending',",
        replace: "return ttl > 0 ? { state: 'Live' } : ttl <= 0 ? { state: 'Gone' } : { state: 'Pending',",
      },
    ],
  },
  {
    name: 'vault-given-up-is-gone',
    lie: 'A lease that Vault has given up on, and whose user lives on in the database, is told to be gone.',
    who: 'Vault itself, on revoke-force: what the backend refuses is forgotten',
    source: 'https://github.com/hashicorp/vault/pull/1168',
    patches: [
      {
        file: vaultErrors,
        find: "if (why !== undefined && why !== '') return { state: 'Irrevocable', why: redactText(why) };",
        replace: "if (why !== undefined && why !== '') return { state: 'Gone' };",
      },
    ],
  },
  {
    name: 'google-any-404-is-gone',
    lie: 'A 404 of a proxy, or about something else, is told to be the end of an account or a policy.',
    who: aTiredEngineer,
    patches: [
      {
        file: googleErrors,
        find: 'return answer.status === 404 && isGoogles && about.test(wordsOf(answer));',
        replace: 'return answer.status === 404 || (isGoogles && about.test(wordsOf(answer)));',
      },
    ],
  },
  {
    name: 'google-403-is-gone',
    lie: 'An account or a policy that we may not read any more is told to be gone.',
    who: aTiredEngineer,
    patches: [
      {
        file: googleErrors,
        find: 'return answer.status === 404 && isGoogles && about.test(wordsOf(answer));',
        replace: 'return answer.status === 403 || (answer.status === 404 && isGoogles && about.test(wordsOf(answer)));',
      },
    ],
  },
  {
    name: 'list-error-is-the-end',
    lie: 'A list that broke off is taken for the whole.',
    who: aTiredEngineer,
    patches: [
      {
        file: 'src/revokers/kubernetes/client.ts',
        find: 'if (!isExpired(error) || attempt >= sweepAttempts) throw toOutcome(error);',
        replace: 'if (!isExpired(error) || attempt >= sweepAttempts) return kept;',
      },
    ],
  },
  {
    name: 'first-page-is-all',
    lie: 'What is on the second page of a list does not exist.',
    who: aTiredEngineer,
    patches: [{ file: 'src/kube/paging.ts', find: 'if (next === undefined) return;', replace: "if (next === undefined || next !== '') return;" }],
  },
];
