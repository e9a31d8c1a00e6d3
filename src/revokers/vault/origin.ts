/** Where a credential was seen, as its `uid`: a thing that was seen in one place is not proven gone by another. */
import type { Origin } from './client.ts';

export const originText = ({ clusterId, namespace, address }: Origin): string => `${clusterId} ${namespace === '' ? 'root' : namespace} ${address}`;
