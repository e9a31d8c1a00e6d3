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

/** What a value must be made of; what is around it, such as the line end that files have, is left out. */
export interface SecretShape {
  readonly made: RegExp;
  /** For messages. */
  readonly called: string;
}

/** It must fit into a header: otherwise the HTTP library would complain, and say what it was given. */
const line: SecretShape = { made: /^[\x21-\x7e]{1,65536}$/, called: 'one line of text' };

export const textFile: SecretShape = { made: /^[\x20-\x7e\t\r\n]{1,65536}$/, called: 'a file of plain text' };

export const createSecretReader =
  (client: KubeClient, namespace: string, shape = line): ReadSecret =>
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
    if (!shape.made.test(value)) throw needsPerson(reasons.secretMissing, `key "${key}" of ${where} is ${value === '' ? 'empty' : `not ${shape.called}`}`);
    return value;
  };
