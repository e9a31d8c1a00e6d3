/** What records are signed with: the Secret that a person makes, and the ConfigMap as it is installed. */
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { ControlPlane } from './control-plane.ts';

const publicKeys = fileURLToPath(new URL('../../config/manager/signing-keys.yaml', import.meta.url));

/** An Ed25519 private key, as openssl makes one. */
export const newSigningKey = (): string => generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

/** The Secret with that key, as its manifest. */
export const signingKeySecret = (pem: string): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'offboard-signing-key', namespace: 'offboard-system' }, stringData: { 'key.pem': pem } });

/** As its owner keeps it: made from the private key, and not from what the cluster publishes. */
export const publicSigningKey = async (cluster: ControlPlane): Promise<string> => {
  const key = await cluster.kubectl(['get', 'secret', 'offboard-signing-key', '-n', 'offboard-system', '-o', 'jsonpath={.data.key\\.pem}']);
  return createPublicKey(Buffer.from(key, 'base64').toString()).export({ type: 'spki', format: 'pem' }).toString();
};

const installed = new WeakMap<ControlPlane, Promise<void>>();

/** Once for each cluster, so that a test which takes the key away does not get it back with the next operator. */
export const installSigningKey = (cluster: ControlPlane): Promise<void> => {
  const known = installed.get(cluster) ?? install(cluster);
  installed.set(cluster, known);
  return known;
};

/** Where the operator makes its key known. */
export const installPublicKeys = (cluster: ControlPlane): Promise<string> => cluster.kubectl(['apply', '--server-side', '-f', publicKeys]);

const install = async (cluster: ControlPlane): Promise<void> => {
  await installPublicKeys(cluster);
  await cluster.kubectl(['apply', '--server-side', '-f', '-'], { stdin: signingKeySecret(newSigningKey()) });
};
