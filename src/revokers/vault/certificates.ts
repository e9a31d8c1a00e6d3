/** What a certificate itself tells: whose it is, and when it ends without anybody. */
import { X509Certificate } from 'node:crypto';

export interface CertificateFacts {
  readonly commonName: string;
  readonly notAfter: Date;
}

/** Undefined when it is not the very certificate that was asked for, cannot be read, or has not exactly one common name. */
export const readPem = (pem: string, serialNumber: string): CertificateFacts | undefined => {
  try {
    const parsed = new X509Certificate(pem);
    if (plain(parsed.serialNumber) !== plain(serialNumber)) return undefined;
    const [commonName, ...more] = parsed.subject.split('\n').filter((line) => line.startsWith('CN='));
    const notAfter = parsed.validToDate;
    return commonName === undefined || more.length > 0 || Number.isNaN(notAfter.getTime()) ? undefined : { commonName: commonName.slice('CN='.length), notAfter };
  } catch {
    return undefined;
  }
};

const plain = (serial: string): string => serial.replaceAll(':', '').toLowerCase().replace(/^0+/, '');

/** Nobody takes it any more, and Vault refuses to revoke it. */
export const isExpired = ({ notAfter }: CertificateFacts, now: Date): boolean => now.getTime() > notAfter.getTime();
