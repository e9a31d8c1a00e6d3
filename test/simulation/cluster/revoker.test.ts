import { describeRevoker } from '../../contract/describe-revoker.ts';
import { simulatedHarness } from './revoker-stage.ts';

describeRevoker('kubernetes, on the simulated cluster', simulatedHarness);
