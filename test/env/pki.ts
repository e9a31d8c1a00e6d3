/** The keys and certificates of one control plane, written where its servers read them. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { type Authority, createAuthority, type Identity, issueCertificate } from './x509.ts';

export interface Pki {
  /** Signs the serving certificates, the users' certificates and, in the controller manager, approved requests. */
  readonly ca: Authority;
  readonly admin: Identity;
  readonly controllerManager: Identity;
  readonly files: {
    readonly ca: string;
    readonly caKey: string;
    readonly serverCertificate: string;
    readonly serverKey: string;
    readonly serviceAccountKey: string;
    readonly serviceAccountPublicKey: string;
  };
}

export function createPki(folder: string): Pki {
  mkdirSync(folder, { mode: 0o700 });
  const write = (name: string, content: string): string => {
    const path = join(folder, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  const ca = createAuthority('offboard-test-ca');
  const server = issueCertificate(
    ca,
    { commonName: 'kube-apiserver' },
    { hosts: ['127.0.0.1', 'localhost', 'kubernetes', 'kubernetes.default.svc'] },
  );
  const serviceAccounts = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  return {
    ca,
    admin: issueCertificate(ca, { commonName: 'admin', organizations: ['system:masters'] }),
    controllerManager: issueCertificate(ca, { commonName: 'system:kube-controller-manager' }),
    files: {
      ca: write('ca.crt', ca.certificate),
      caKey: write('ca.key', ca.key),
      serverCertificate: write('server.crt', server.certificate),
      serverKey: write('server.key', server.key),
      serviceAccountKey: write('service-accounts.key', serviceAccounts.privateKey),
      serviceAccountPublicKey: write('service-accounts.pub', serviceAccounts.publicKey),
    },
  };
}
