/** The conformance kit, with the Vault revoker and the operator's own client on a real OpenBao. */
import { afterAll, beforeAll } from 'vitest';

import { describeRevoker } from '../contract/describe-revoker.ts';
import { startVaultStages, type VaultStages } from '../contract/vault-stage.ts';

let stages: VaultStages;

beforeAll(async () => {
  stages = await startVaultStages();
});
afterAll(() => stages.stop());

describeRevoker('vault, on a real OpenBao', { open: () => stages.open() });
