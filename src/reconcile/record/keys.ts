/**
 * The key that records are signed with, and the public halves of all that ever were. The Secret holds one private key; whoever wants
 * another one replaces what is in it. What was signed before is still checked by the public keys, which are never taken away.
 *
 * The first is made here, where that is wanted, so that nobody has to at installing: while nothing was ever signed, whichever key comes
 * first is the signer. From then on one that is not there is a person's matter: another in its place would be another signer.
 */
import { reasons } from '../../api/v1alpha1/conditions.ts';
import { readSigningKey } from '../../evidence/signing.ts';
import type { SigningKey } from '../../evidence/signing.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isAlreadyExists, isForbidden, isNotFound, toOutcome } from '../../kube/errors.ts';
import type { KubeObject } from '../../kube/objects.ts';
import { configMaps, secrets } from '../../kube/resources.ts';
import { needsPerson } from '../../runtime/outcome.ts';
import type { OutcomeError } from '../../runtime/outcome.ts';

/** The ConfigMap in the operator's own namespace: `<keyid>.pem`, each a public key. Installed without data. */
export const publicKeysName = 'offboard-signing-keys';

/** In the Secret: an Ed25519 private key, PKCS#8, PEM. */
export const privateKeyField = 'key.pem';

export interface Keys {
  /** What to sign with now. `NeedsPerson` where there is nothing of use. */
  readonly current: (signal: AbortSignal) => Promise<SigningKey>;
  /** Makes its public half known, before anything is signed with it. */
  readonly publish: (key: SigningKey, signal: AbortSignal) => Promise<void>;
  /** The public keys that were published, PEM. */
  readonly published: (signal: AbortSignal) => Promise<readonly string[]>;
}

export interface KeysOptions {
  readonly client: KubeClient;
  /** The operator's own. */
  readonly namespace: string;
  /** The name of the Secret. */
  readonly secret: string;
  /** Absent where a person makes the first key. */
  readonly first?: FirstKey;
}

export interface FirstKey {
  /** Private, PKCS#8, PEM. */
  readonly make: () => string;
  /** Whether there is no record, as far as the cache knows. */
  readonly isFirst: () => boolean;
}

interface WithData extends KubeObject {
  readonly type?: string;
  readonly data?: Readonly<Record<string, string>>;
}

export const createKeys = (options: KeysOptions): Keys => {
  const known = new Set<string>();
  return {
    current: async (signal) => parse((await readSecret(options, signal)) ?? (await makeFirst(options, signal)), options),
    publish: async (key, signal) => {
      if (known.has(key.keyid)) return;
      await publish(key, options, signal);
      known.add(key.keyid);
    },
    published: async (signal) => Object.values(await readPublished(options, signal)),
  };
};

/** Undefined where there is none. */
const readSecret = async (options: KeysOptions, signal: AbortSignal): Promise<string | undefined> => {
  const { client, namespace, secret: name } = options;
  try {
    const { data = {} } = await client.get<WithData>(secrets, { namespace, name }, { signal });
    const value = Object.hasOwn(data, privateKeyField) ? data[privateKeyField] : undefined;
    if (value === undefined) throw unusable(options, `has no key "${privateKeyField}"`);
    return Buffer.from(value, 'base64').toString('utf8');
  } catch (error) {
    if (isNotFound(error, secrets, name)) return undefined;
    throw signal.aborted ? error : toOutcome(error);
  }
};

/** Whoever was faster made the first one. Whoever may not make one, by RBAC or by the fence, asks for it. */
const makeFirst = async (options: KeysOptions, signal: AbortSignal): Promise<string> => {
  const { client, namespace, secret: name, first } = options;
  const ask = (): OutcomeError =>
    needsPerson(reasons.signingKeyMissing, `there is no key to sign the record with: ${placeOf(options)} is not there. Make one: ${create(options)}`);
  if (first?.isFirst() !== true || Object.keys(await readPublished(options, signal)).length > 0) throw ask();
  const pem = first.make();
  try {
    const data = { [privateKeyField]: Buffer.from(pem).toString('base64') };
    await client.create<WithData>(secrets, namespace, { metadata: { name }, type: 'Opaque', data }, { signal });
    return pem;
  } catch (error) {
    if (signal.aborted) throw error;
    if (!isForbidden(error) && !isAlreadyExists(error)) throw toOutcome(error);
    const there = isForbidden(error) ? undefined : await readSecret(options, signal);
    if (there === undefined) throw ask();
    return there;
  }
};

const parse = (pem: string, options: KeysOptions): SigningKey => {
  try {
    return readSigningKey(pem);
  } catch (error) {
    // Its messages hold nothing of what it was given.
    throw unusable(options, `: "${privateKeyField}" ${error instanceof Error ? error.message : 'cannot be read'}`);
  }
};

const placeOf = ({ namespace, secret }: KeysOptions): string => `Secret "${secret}" in namespace "${namespace}"`;

const create = ({ namespace, secret }: KeysOptions): string =>
  `openssl genpkey -algorithm ed25519 | kubectl create secret generic ${secret} -n ${namespace} --from-file=${privateKeyField}=/dev/stdin`;

const unusable = (options: KeysOptions, why: string): OutcomeError =>
  needsPerson(
    reasons.signingKeyMissing,
    `the key to sign the record with is of no use: ${placeOf(options)}${why.startsWith(':') ? '' : ' '}${why}. ` +
      `Replace it: ${create(options)} --dry-run=client -o yaml | kubectl apply --server-side --force-conflicts -f -`,
  );

const readPublished = async ({ client, namespace }: KeysOptions, signal: AbortSignal): Promise<Readonly<Record<string, string>>> => {
  try {
    return (await client.get<WithData>(configMaps, { namespace, name: publicKeysName }, { signal })).data ?? {};
  } catch (error) {
    if (!isNotFound(error, configMaps, publicKeysName)) throw signal.aborted ? error : toOutcome(error);
    throw needsPerson(
      reasons.signingKeyMissing,
      `nobody could check the record: ConfigMap "${publicKeysName}" in namespace "${namespace}", where its public key belongs, is not there. ` +
        `Make it: kubectl create configmap ${publicKeysName} -n ${namespace}`,
    );
  }
};

const publish = async ({ keyid, publicKeyPem }: SigningKey, options: KeysOptions, signal: AbortSignal): Promise<void> => {
  const { client, namespace } = options;
  const field = `${keyid}.pem`;
  const data = await readPublished(options, signal);
  const there = Object.hasOwn(data, field) ? data[field] : undefined;
  if (there?.trim() === publicKeyPem.trim()) return;
  if (there !== undefined) {
    throw needsPerson(
      reasons.signingKeyMissing,
      `nobody could check the record: "${field}" of ConfigMap "${publicKeysName}" in namespace "${namespace}" is not that public key. Take it out: ` +
        `kubectl patch configmap ${publicKeysName} -n ${namespace} --type=json -p '[{"op":"remove","path":"/data/${field}"}]'`,
    );
  }
  await client.patch(configMaps, { namespace, name: publicKeysName }, { type: 'merge', body: { data: { [field]: publicKeyPem } } }, { signal });
};
