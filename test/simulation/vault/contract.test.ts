/** The conformance kit, with the Vault revoker and the operator's own client on the simulated server, as on a real OpenBao. */
import { describeRevoker } from '../../contract/describe-revoker.ts';
import { simulatedVault } from './stage.ts';

describeRevoker('vault, on the simulated one', simulatedVault);
