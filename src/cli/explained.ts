/** What an API server's refusal means to whoever typed the command: what is missing, and the way out. Pure. */
import { ApiError, isRbacForbidden } from '../kube/errors.ts';
import { OutcomeError } from '../runtime/outcome.ts';
import { CannotError } from './errors.ts';
import { quoted } from './shell.ts';

/** Whatever is no answer of an API server stays as it is. */
export const explained = (error: unknown, server: string): unknown => {
  if (error instanceof ApiError) return new CannotError(wordsFor(error, server), { cause: error });
  // A name that no object can have.
  return error instanceof OutcomeError ? new CannotError(error.message, { cause: error }) : error;
};

const wordsFor = (error: ApiError, server: string): string => {
  if (isRbacForbidden(error)) return forbidden(error.message);
  if (error.reason === 'NotServed') return `the cluster at ${server} does not know Offboard's kinds: its CRDs are not installed there (kubectl apply --server-side -f crds/), or this is another cluster than you mean (--context)`;
  if (error.code === 401) return `the API server at ${server} refuses these credentials: ${error.message}. Log in again, or name another context (--context)`;
  if (error.code === 0 && ['Transport', 'Timeout'].includes(error.reason)) return `${error.message}. Is this the cluster you mean? kubectl config current-context, --context and --kubeconfig say which`;
  return error.message;
};

const refusal = /User "(?<user>[^"]*)" cannot (?<verb>\S+) resource "(?<resource>[^"]*)" in API group "(?<group>[^"]*)"(?: in the namespace "(?<namespace>[^"]*)")?/;

/** Who lacks which verb on what, and the command by which somebody else gives it. */
const forbidden = (message: string): string => {
  const { user, verb = '', resource = '', group = '', namespace } = refusal.exec(message)?.groups ?? {};
  if (user === undefined) return message;
  const what = `${resource}${group === '' ? '' : `.${group}`}`;
  const lacks = `${user} lacks the verb "${verb}" on ${what} ${namespace === undefined ? 'in the whole cluster' : `in namespace ${namespace}`}`;
  const role = group === 'offboard.dev' ? roleFor(verb, resource) : undefined;
  if (role === undefined) return `${lacks}. Somebody who manages access there can grant it`;
  const isClusterWide = namespace === undefined;
  const command = ['kubectl', 'create', isClusterWide ? 'clusterrolebinding' : 'rolebinding', role, `--clusterrole=${role}`, holder(user), ...(isClusterWide ? [] : ['-n', namespace])];
  return `${lacks}. Somebody who manages access there can grant it: ${command.map(quoted).join(' ')}`;
};

/** As config/rbac/people.yaml has them. */
const roleFor = (verb: string, resource: string): string | undefined => {
  const reads = ['get', 'list', 'watch'].includes(verb);
  switch (resource) {
    case 'offboardings':
    case 'offboardingwaivers':
    case 'workloadidentities':
      return reads ? 'offboard-view' : 'offboard-edit';
    case 'connectors':
      return 'offboard-connectors';
    case 'offboardingrecords':
      return reads ? 'offboard-records' : undefined;
    default:
      return undefined;
  }
};

const holder = (user: string): string => {
  const account = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(user);
  return account === null ? `--user=${user}` : `--serviceaccount=${account[1] ?? ''}:${account[2] ?? ''}`;
};
