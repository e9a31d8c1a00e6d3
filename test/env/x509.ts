/**
 * The few X.509 structures a throw-away control plane needs: a CA, certificates it issues, signing requests.
 *
 * node:crypto signs and reads certificates but cannot write them, and `openssl` is not on every machine,
 * so the DER is assembled here. ECDSA P-256 only. For tests: nothing here is meant for production keys.
 */
import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';

export interface Identity {
  /** PEM, PKCS#8. */
  readonly key: string;
  /** PEM. */
  readonly certificate: string;
}

export interface Authority extends Identity {
  readonly commonName: string;
}

export interface Subject {
  readonly commonName: string;
  /** For a client certificate these are the user's groups. */
  readonly organizations?: readonly string[];
}

export interface CertificateOptions {
  /** Host names and IP addresses; makes it a serving certificate. Without any it is a client certificate. */
  readonly hosts?: readonly string[];
  readonly notAfter?: Date;
}

const HOUR = 3_600_000;
const DEFAULT_LIFETIME = 30 * 24 * HOUR;

export function createAuthority(commonName: string): Authority {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const certificate = encodeCertificate({
    subject: { commonName },
    issuer: { commonName },
    publicKey,
    signingKey: privateKey,
    notAfter: new Date(Date.now() + DEFAULT_LIFETIME),
    extensions: [
      extension('2.5.29.19', true, sequence(BOOLEAN_TRUE)), // basicConstraints: CA
      extension('2.5.29.15', true, tlv(0x03, Buffer.from([0x02, 0x84]))), // keyUsage: digitalSignature, keyCertSign
      extension('2.5.29.14', false, tlv(0x04, keyIdentifier(publicKey))),
    ],
  });
  return { commonName, key: exportKey(privateKey), certificate };
}

/** Issues a certificate, and its key, from an authority made by {@link createAuthority}. */
export function issueCertificate(
  authority: Authority,
  subject: Subject,
  options: CertificateOptions = {},
): Identity {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const hosts = options.hosts ?? [];
  const purpose = hosts.length > 0 ? '1.3.6.1.5.5.7.3.1' : '1.3.6.1.5.5.7.3.2'; // serverAuth : clientAuth
  const issuerKey = createPublicKey(authority.certificate);
  const extensions = [
    extension('2.5.29.15', true, tlv(0x03, Buffer.from([0x07, 0x80]))), // keyUsage: digitalSignature
    extension('2.5.29.37', false, sequence(objectId(purpose))),
    extension('2.5.29.35', false, sequence(tlv(0x80, keyIdentifier(issuerKey)))),
  ];
  if (hosts.length > 0) extensions.push(extension('2.5.29.17', false, sequence(...hosts.map(generalName))));
  const certificate = encodeCertificate({
    subject,
    issuer: { commonName: authority.commonName },
    publicKey,
    signingKey: authority.key,
    notAfter: options.notAfter ?? new Date(Date.now() + DEFAULT_LIFETIME),
    extensions,
  });
  return { key: exportKey(privateKey), certificate };
}

/** A PKCS#10 request (RFC 2986), as `CertificateSigningRequest.spec.request` wants it once base64-encoded. */
export function createSigningRequest(subject: Subject): { readonly key: string; readonly request: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const info = sequence(tlv(0x02, Buffer.from([0])), name(subject), spki(publicKey), tlv(0xa0, Buffer.alloc(0)));
  return { key: exportKey(privateKey), request: pem('CERTIFICATE REQUEST', signed(info, privateKey)) };
}

interface CertificateFields {
  readonly subject: Subject;
  readonly issuer: Subject;
  readonly publicKey: KeyObject;
  readonly signingKey: KeyObject | string;
  readonly notAfter: Date;
  readonly extensions: readonly Buffer[];
}

/** RFC 5280, section 4.1. */
function encodeCertificate(fields: CertificateFields): string {
  // The top bit stays clear: serial numbers are positive.
  const serial = Buffer.concat([Buffer.from([0x01]), randomBytes(15)]);
  const notBefore = new Date(Math.min(Date.now(), fields.notAfter.getTime()) - HOUR);
  const body = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))), // version 3
    tlv(0x02, serial),
    ECDSA_WITH_SHA256,
    name(fields.issuer),
    sequence(time(notBefore), time(fields.notAfter)),
    name(fields.subject),
    spki(fields.publicKey),
    tlv(0xa3, sequence(...fields.extensions)),
  );
  return pem('CERTIFICATE', signed(body, fields.signingKey));
}

function tlv(tag: number, content: Buffer): Buffer {
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  const size: number[] = [];
  for (let rest = length; rest > 0; rest >>= 8) size.unshift(rest & 0xff);
  return Buffer.concat([Buffer.from([tag, 0x80 | size.length, ...size]), content]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tlv(0x30, Buffer.concat(parts));
}

function objectId(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc & 0x7f];
    for (let left = arc >> 7; left > 0; left >>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return tlv(0x06, Buffer.from(bytes));
}

const BOOLEAN_TRUE = tlv(0x01, Buffer.from([0xff]));
const ECDSA_WITH_SHA256 = sequence(objectId('1.2.840.10045.4.3.2'));

function name(subject: Subject): Buffer {
  const attribute = (type: string, value: string): Buffer =>
    tlv(0x31, sequence(objectId(type), tlv(0x0c, Buffer.from(value, 'utf8'))));
  const organizations = (subject.organizations ?? []).map((value) => attribute('2.5.4.10', value));
  return sequence(...organizations, attribute('2.5.4.3', subject.commonName));
}

function generalName(host: string): Buffer {
  if (isIP(host) === 4) return tlv(0x87, Buffer.from(host.split('.').map(Number)));
  return tlv(0x82, Buffer.from(host, 'ascii'));
}

/** UTCTime: two-digit years, good until 2049. */
function time(date: Date): Buffer {
  const digits = date.toISOString().replace(/[-:T]/g, '').slice(2, 14);
  return tlv(0x17, Buffer.from(`${digits}Z`, 'ascii'));
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(objectId(id), ...(critical ? [BOOLEAN_TRUE] : []), tlv(0x04, value));
}

function spki(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}

function keyIdentifier(key: KeyObject): Buffer {
  return createHash('sha256').update(spki(key)).digest().subarray(0, 20);
}

function signed(body: Buffer, key: KeyObject | string): Buffer {
  const signature = sign('sha256', body, key);
  return sequence(body, ECDSA_WITH_SHA256, tlv(0x03, Buffer.concat([Buffer.from([0]), signature])));
}

function exportKey(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
