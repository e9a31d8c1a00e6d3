import { expect, it } from 'vitest';
import { createFakeClock } from '../../../test/fakes/clock.ts';
import { createFakeKube } from '../../../test/fakes/kube.ts';
import { roleBindings, serviceAccounts, tokenReviews } from '../../kube/resources.ts';
import { createPermissions } from './permissions.ts';

it('names what is missing as a rule to add, and where', async () => {
  const kube = createFakeKube();
  kube.allow(() => false);
  const missing = await createPermissions({ client: kube.client, clock: createFakeClock() }).missing(
    [
      { verb: 'delete', resource: roleBindings, namespace: 'ci' },
      { verb: 'list', resource: roleBindings },
      { verb: 'create', resource: serviceAccounts, subresource: 'token', namespace: 'ci', name: 'bot' },
      { verb: 'create', resource: tokenReviews },
    ],
    new AbortController().signal,
  );
  expect(missing.map(({ line }) => line)).toEqual([
    '- {apiGroups: ["rbac.authorization.k8s.io"], resources: ["rolebindings"], verbs: ["delete"]}  # in namespace ci',
    '- {apiGroups: ["rbac.authorization.k8s.io"], resources: ["rolebindings"], verbs: ["list"]}  # in all namespaces',
    '- {apiGroups: [""], resources: ["serviceaccounts/token"], verbs: ["create"], resourceNames: ["bot"]}  # in namespace ci',
    '- {apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"], verbs: ["create"]}',
  ]);
});
