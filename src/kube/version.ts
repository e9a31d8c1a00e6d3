/** Which version the API server says it is. */
import { asRecord } from './check.ts';
import type { Transport } from './transport.ts';

/** As in `v1.36.3`; undefined where it does not say, or we may not ask. Asked once. */
export const createServerVersion = (transport: Transport): ((signal: AbortSignal) => Promise<string | undefined>) => {
  let known: string | undefined;
  return async (signal) => {
    known ??= await ask(transport, signal);
    return known;
  };
};

const ask = async (transport: Transport, signal: AbortSignal): Promise<string | undefined> => {
  try {
    const answer = asRecord(await transport.request({ verb: 'get', resource: 'version', method: 'GET', path: '/version', signal }));
    const version = answer?.['gitVersion'];
    return typeof version === 'string' && /^[\w.+-]{1,100}$/.test(version) ? version : undefined;
  } catch (error) {
    if (signal.aborted) throw error;
    return undefined;
  }
};
