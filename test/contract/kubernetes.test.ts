import { describeRevoker } from './describe-revoker.ts';
import { kubernetesHarness } from './kubernetes-stage.ts';

describeRevoker('kubernetes, on a cluster in memory', kubernetesHarness);
