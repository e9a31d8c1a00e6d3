/** Where a credential was seen, as its `uid`: a thing that was seen in one place is not proven gone by another. */
import { retryable } from '../../runtime/outcome.ts';
import type { Origin, Watermark } from './client.ts';

export const originText = ({ clusterId, namespace, address }: Origin): string => `${clusterId} ${namespace === '' ? 'root' : namespace} ${address}`;

/** What was read of two servers is no picture of either. */
export const refuseOtherOrigin = (first: Watermark, then: Watermark): void => {
  const [one, other] = [originText(first.origin), originText(then.origin)];
  if (one !== other) throw retryable('OriginChanged', `the server became another one while it was read: ${one}, then ${other}`);
};
