/** The conformance kit, with the Google Cloud revoker and the operator's own client on the fake that enforces. */
import { afterAll, beforeAll } from 'vitest';

import { describeRevoker } from '../contract/describe-revoker.ts';
import { type GoogleStages, startGoogleStages } from '../contract/google-cloud-stage.ts';
import { endingRules } from '../contract/rules.ts';

let stages: GoogleStages;

beforeAll(async () => {
  stages = await startGoogleStages();
});
afterAll(() => stages.stop());

describeRevoker('google cloud, whose account stays disabled', { open: () => stages.harness('KeepDisabled').open() });
describeRevoker('google cloud, whose account is deleted', { open: () => stages.harness('Delete').open() }, endingRules);
