/** A Google Cloud whose answers the test decides, one question at a time. */
import type { GoogleAnswer, GoogleClient, GoogleRequest } from '../../src/revokers/google-cloud/api.ts';

export interface FakeGoogleClient extends GoogleClient {
  /** Every question, in order. */
  readonly requests: readonly GoogleRequest[];
}

/** `answer` may throw what a client would reject with. */
export const createFakeGoogleClient = (answer: (request: GoogleRequest, asked: number) => GoogleAnswer | Promise<GoogleAnswer>): FakeGoogleClient => {
  const requests: GoogleRequest[] = [];
  return {
    requests,
    request: async (request, signal) => {
      signal.throwIfAborted();
      requests.push(request);
      return answer(request, requests.length);
    },
    self: () => Promise.resolve({ name: 'offboard@acme.iam.gserviceaccount.com', email: 'offboard@acme.iam.gserviceaccount.com' }),
  };
};
