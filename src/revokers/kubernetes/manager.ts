/** Who keeps an object as it is, as far as the object tells: the one to talk to when it keeps coming back. */
import type { ObjectMeta } from '../../kube/objects.ts';
import { printable } from '../text.ts';

type Marks = Readonly<Record<string, string>>;

/** The marks that deployment tools leave on what they own, the surest first. */
const tools: readonly ((labels: Marks, annotations: Marks) => string | undefined)[] = [
  // `<application>:<group>/<kind>:<namespace>/<name>`
  (_, annotations) => named('Argo CD application', annotations['argocd.argoproj.io/tracking-id']?.split(':')[0]),
  (labels) => named('Argo CD application', labels['argocd.argoproj.io/instance']),
  (labels) => named('Flux Kustomization', qualified(labels, 'kustomize.toolkit.fluxcd.io/')),
  (labels) => named('Flux HelmRelease', qualified(labels, 'helm.toolkit.fluxcd.io/')),
  (_, annotations) =>
    named(
      'Helm release',
      join(annotations['meta.helm.sh/release-namespace'], annotations['meta.helm.sh/release-name']),
    ),
  (labels) => labels['app.kubernetes.io/managed-by'],
];

/** Ourselves: removing a subject must not make us its manager. */
const ourselves = 'offboard';

export const managerOf = (metadata: ObjectMeta): string | undefined => {
  const labels = metadata.labels ?? {};
  const annotations = metadata.annotations ?? {};
  for (const tool of tools) {
    const found = tool(labels, annotations);
    if (found !== undefined && found !== '') return printable(found);
  }
  return lastFieldManager(metadata);
};

const lastFieldManager = (metadata: ObjectMeta): string | undefined => {
  let last: { readonly manager: string; readonly time: string } | undefined;
  for (const { manager, subresource, time = '' } of metadata.managedFields ?? []) {
    if (manager === undefined || manager === ourselves || subresource !== undefined) continue;
    if (last === undefined || time >= last.time) last = { manager, time };
  }
  return last === undefined ? undefined : printable(`field manager ${last.manager}`);
};

const named = (what: string, name: string | undefined): string | undefined =>
  name === undefined || name === '' ? undefined : `${what} ${name}`;

const join = (namespace: string | undefined, name: string | undefined): string | undefined =>
  name === undefined || namespace === undefined ? name : `${namespace}/${name}`;

const qualified = (labels: Marks, prefix: string): string | undefined =>
  join(labels[`${prefix}namespace`], labels[`${prefix}name`]);
