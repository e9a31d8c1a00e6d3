/** Certificates as Vault issues them. */
import { X509Certificate } from 'node:crypto';
import { type Authority, createAuthority, issueCertificate } from '../../env/x509.ts';

export interface Issued {
  /** With colons, as Vault has it. */
  readonly serial: string;
  readonly pem: string;
}

let authority: Authority | undefined;
const issued = new Map<string, Issued>();

/** Each is made once: universes begin by the thousand. */
export const certificateOf = (commonName: string): Issued => {
  const known = issued.get(commonName) ?? issue(commonName);
  issued.set(commonName, known);
  return known;
};

const issue = (commonName: string): Issued => {
  authority ??= createAuthority('example.com');
  const { certificate: pem } = issueCertificate(authority, { commonName }, { notAfter: new Date('2040-01-01') });
  return { pem, serial: new X509Certificate(pem).serialNumber.toLowerCase().replace(/(..)(?=.)/g, '$1:') };
};
