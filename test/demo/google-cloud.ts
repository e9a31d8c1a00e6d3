/** What the build agent has in Google Cloud, and how the operator is told of it. Google Cloud is a fake here, which enforces. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

import type { BuildAgent } from '../env/build-agent.ts';
import { accountName, type GoogleCloudWorld, member, project, projectId } from '../env/google-cloud-world.ts';
import type { Way } from './way.ts';

const bucket = 'acme-builds';
const object = 'app.tar';
const emailOf = (name: string): string => `ci-${name}@${projectId}.iam.gserviceaccount.com`;

/** It acts as a service account, by its ServiceAccount and by a key that somebody made, as pipelines do. */
export const liveInGoogleCloud = async ({ google, federate }: GoogleCloudWorld, agent: BuildAgent): Promise<readonly Way[]> => {
  const { email } = await google.addServiceAccount(projectId, `ci-${agent.name}`);
  const resource = await google.addBucket(projectId, bucket, { [object]: 'built' });
  await google.grant(resource, 'roles/storage.objectViewer', `serviceAccount:${email}`);
  await google.grant(resource, 'roles/storage.objectViewer', 'group:developers@example.com');
  await google.grant(accountName(email), 'roles/iam.workloadIdentityUser', member(agent.namespace, agent.name));
  const key = await google.addKey(email);
  const login = await federate(agent);
  const enter = async (): Promise<string> => google.impersonate(await login(), email);
  const token = await enter();
  const opened = (obtain: () => string | Promise<string>) => async (): Promise<string> => {
    try {
      return String(await google.open(await obtain(), { bucket, object }));
    } catch (error) {
      return refusal(error);
    }
  };
  return [
    { name: 'Google access token', request: `GET gs://${bucket}/${object}`, attempt: opened(() => token) },
    { name: 'Google login by workload', request: 'POST sts token, generateAccessToken', attempt: opened(enter) },
    { name: 'Google service account key', request: 'POST oauth2 token', attempt: opened(() => google.keyLogin(key)) },
  ];
};

/** The status by which a login is refused; whatever else goes wrong is no answer. */
const refusal = (error: unknown): string => {
  const status = /: (40[013]) /.exec(String(error))?.[1];
  if (status === undefined) throw error;
  return status;
};

/** The fake lags behind nowhere: the settle time is shorter than one would set it in life. */
export const connector = ({ connection }: GoogleCloudWorld, namespace: string): string =>
  JSON.stringify({
    apiVersion: 'offboard.dev/v1alpha1',
    kind: 'Connector',
    metadata: { name: 'google' },
    spec: {
      googleCloud: connection,
      grants: [
        {
          namespaces: { names: [namespace] },
          googleCloud: { serviceAccounts: [`ci-*@${projectId}.iam.gserviceaccount.com`], resources: [`//storage.googleapis.com/${bucket}`] },
        },
      ],
      timing: { settle: '5s' },
    },
  });

/** The dependency, as a WorkloadIdentity declares it. */
export const dependency = (name: string): string => `
  - name: google
    googleCloud:
      connectorRef: {name: google}
      serviceAccount: {email: ${emailOf(name)}}
      resources: [//storage.googleapis.com/${bucket}]`;

/** How people look at what is left, as one who may read everything. */
export const howToLook = async ({ google }: GoogleCloudWorld, { name }: BuildAgent): Promise<string> => {
  const person = 'you@example.com';
  await google.grant(project, 'roles/owner', `user:${person}`);
  const token = await google.userToken(person);
  const isInstalled = (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, 'gcloud')));
  const curl = 'curl -s -H "authorization: Bearer $CLOUDSDK_AUTH_ACCESS_TOKEN" $GOOGLE';
  return [
    `  export GOOGLE=${google.url} CLOUDSDK_AUTH_ACCESS_TOKEN=${token}`,
    `  ${curl}/storage/v1/b/${bucket}/iam`,
    `  ${curl}/v1/${project}/serviceAccounts/${emailOf(name)}`,
    ...(isInstalled ? [`  CLOUDSDK_API_ENDPOINT_OVERRIDES_IAM=$GOOGLE/ gcloud iam service-accounts list --project=${projectId}`] : []),
  ].join('\n');
};
