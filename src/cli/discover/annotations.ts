/** What the annotations of a ServiceAccount say of accounts elsewhere: pure. Anybody may have written them, and nothing may have come of it. */

export interface Elsewhere {
  /** The e-mail of a service account of Google's, where the annotation is one. */
  readonly googleAccount?: string;
  /** What Offboard does not end, in words. */
  readonly notEnded: readonly string[];
}

const google = 'iam.gke.io/gcp-service-account';

/** As the API takes it. */
const userManaged = /^[a-z](?:[-a-z0-9]*[a-z0-9])?@[a-z](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*\.iam\.gserviceaccount\.com$/;

/** The key of an annotation, and where its access is ended. */
const others: readonly (readonly [string, string])[] = [
  ['eks.amazonaws.com/role-arn', 'an IAM role of AWS. Offboard does not end it: take the ServiceAccount out of the trust policy of the role'],
  ['azure.workload.identity/client-id', 'an application or managed identity of Azure. Offboard does not end it: take its federated credential out'],
];

export const elsewhere = (annotations: Readonly<Record<string, string>>): Elsewhere => {
  const email = Object.hasOwn(annotations, google) ? annotations[google] : undefined;
  const isUsable = email !== undefined && userManaged.test(email);
  return {
    ...(isUsable && { googleAccount: email }),
    notEnded: [
      ...(email === undefined || isUsable ? [] : [`${google}: ${email}, which is no e-mail of a service account`]),
      ...others.flatMap(([key, words]) => (Object.hasOwn(annotations, key) ? [`${key}: ${annotations[key] ?? ''}, ${words}`] : [])),
    ],
  };
};
