/** Values of Secrets in the operator's own namespace. They go to the server that they are for, and into no message. */
import { reasons } from '../api/v1alpha1/conditions.ts';
import type { KubeClient } from '../kube/client.ts';
import { isNotFound, toOutcome } from '../kube/errors.ts';
import type { KubeObject } from '../kube/objects.ts';
import { secrets } from '../kube/resources.ts';
import { needsPerson } from '../runtime/outcome.ts';

interface SecretObject extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** A value of a Secret in the operator's own namespace. */
export type ReadSecret = (name: string, key: string, signal: AbortSignal) => Promise<string>;

export const createSecretReader =
  (client: KubeClient, namespace: string): ReadSecret =>
  async (name, key, signal) => {
    const where = `Secret "${name}" in namespace "${namespace}"`;
    let secret: SecretObject;
    try {
      secret = await client.get<SecretObject>(secrets, { namespace, name }, { signal });
    } catch (error) {
      if (isNotFound(error, secrets, name)) throw needsPerson(reasons.secretMissing, `${where} is not there`);
      throw signal.aborted ? error : toOutcome(error);
    }
    const { data = {} } = secret;
    if (!Object.hasOwn(data, key)) throw needsPerson(reasons.secretMissing, `${where} has no key "${key}"`);
    const value = Buffer.from(data[key] ?? '', 'base64').toString('utf8').trim();
    // It must fit into a header: otherwise the HTTP library would complain, and say what it was given.
    if (!/^[\x21-\x7e]{1,65536}$/.test(value)) throw needsPerson(reasons.secretMissing, `key "${key}" of ${where} is ${value === '' ? 'empty' : 'not one line of text'}`);
    return value;
  };
