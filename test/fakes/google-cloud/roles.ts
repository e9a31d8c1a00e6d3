/** What a role allows. The predefined ones as far as the tests need them; `*` stands for whatever follows. */
import type { World } from './world.ts';

const viewer = ['*.get', '*.list', '*.getIamPolicy'];

const predefined: Readonly<Record<string, readonly string[]>> = {
  'roles/owner': ['*'],
  'roles/editor': [...viewer, '*.create', '*.update', '*.delete', 'iam.serviceAccounts.actAs'],
  'roles/viewer': viewer,
  'roles/browser': ['resourcemanager.projects.get', 'resourcemanager.projects.list', 'resourcemanager.projects.getIamPolicy'],
  'roles/iam.serviceAccountTokenCreator': [
    'iam.serviceAccounts.get',
    'iam.serviceAccounts.list',
    'iam.serviceAccounts.getAccessToken',
    'iam.serviceAccounts.getOpenIdToken',
    'iam.serviceAccounts.implicitDelegation',
    'iam.serviceAccounts.signBlob',
    'iam.serviceAccounts.signJwt',
  ],
  'roles/iam.workloadIdentityUser': ['iam.serviceAccounts.get', 'iam.serviceAccounts.list', 'iam.serviceAccounts.getAccessToken', 'iam.serviceAccounts.getOpenIdToken'],
  'roles/iam.serviceAccountUser': ['iam.serviceAccounts.get', 'iam.serviceAccounts.list', 'iam.serviceAccounts.actAs'],
  'roles/iam.serviceAccountViewer': ['iam.serviceAccounts.get', 'iam.serviceAccounts.list', 'iam.serviceAccounts.getIamPolicy', 'iam.serviceAccountKeys.get', 'iam.serviceAccountKeys.list'],
  'roles/iam.serviceAccountAdmin': ['iam.serviceAccounts.*'],
  'roles/iam.serviceAccountKeyAdmin': ['iam.serviceAccountKeys.*', 'iam.serviceAccounts.get', 'iam.serviceAccounts.list'],
  'roles/iam.securityReviewer': ['*.list', '*.getIamPolicy'],
  'roles/iam.securityAdmin': ['*.list', '*.getIamPolicy', '*.setIamPolicy'],
  'roles/resourcemanager.projectIamAdmin': ['resourcemanager.projects.get', 'resourcemanager.projects.getIamPolicy', 'resourcemanager.projects.setIamPolicy'],
  'roles/storage.objectViewer': ['storage.objects.get', 'storage.objects.list'],
  'roles/storage.objectAdmin': ['storage.objects.*'],
  'roles/storage.legacyBucketReader': ['storage.buckets.get', 'storage.objects.list'],
  'roles/storage.admin': ['storage.*'],
  'roles/storage.hmacKeyAdmin': ['storage.hmacKeys.*'],
  'roles/secretmanager.secretAccessor': ['secretmanager.versions.access'],
  'roles/secretmanager.viewer': ['secretmanager.secrets.get', 'secretmanager.secrets.list', 'secretmanager.secrets.getIamPolicy', 'secretmanager.versions.get', 'secretmanager.versions.list'],
  'roles/secretmanager.admin': ['secretmanager.*'],
  'roles/cloudkms.cryptoKeyEncrypterDecrypter': ['cloudkms.cryptoKeyVersions.useToDecrypt', 'cloudkms.cryptoKeyVersions.useToEncrypt'],
  'roles/cloudkms.admin': ['cloudkms.*'],
  'roles/artifactregistry.reader': ['artifactregistry.repositories.get', 'artifactregistry.repositories.downloadArtifacts'],
  'roles/artifactregistry.writer': ['artifactregistry.repositories.get', 'artifactregistry.repositories.downloadArtifacts', 'artifactregistry.repositories.uploadArtifacts'],
  'roles/artifactregistry.admin': ['artifactregistry.*'],
  'roles/cloudasset.viewer': ['cloudasset.assets.*'],
  'roles/serviceusage.serviceUsageConsumer': ['serviceusage.services.use', 'serviceusage.services.get', 'serviceusage.services.list'],
};

export const roleExists = (world: World, role: string): boolean => role in predefined || world.roles.has(role);

export const allows = (world: World, role: string, permission: string): boolean => {
  const patterns = world.roles.get(role) ?? predefined[role] ?? [];
  return patterns.some((pattern) => covers(pattern, permission));
};

const covers = (pattern: string, permission: string): boolean => {
  if (!pattern.includes('*')) return pattern === permission;
  const [before = '', after = ''] = pattern.split('*');
  return permission.startsWith(before) && permission.endsWith(after) && permission.length >= before.length + after.length;
};
