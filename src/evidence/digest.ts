/** Digests as records hold them. */
import { createHash } from 'node:crypto';

export const sha256Hex = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

/** `sha256:` and hexadecimal digits. */
export const digestOf = (bytes: Uint8Array | string): string => `sha256:${sha256Hex(bytes)}`;
