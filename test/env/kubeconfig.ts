/** Who a kubeconfig speaks as; exactly one of the credentials. */
export type KubeconfigUser =
  | { readonly token: string }
  | { readonly tokenFile: string }
  /** PEM. */
  | { readonly certificate: string; readonly key: string };

export interface KubeconfigFields {
  readonly server: string;
  /** PEM. */
  readonly ca: string;
  readonly user: KubeconfigUser;
  readonly namespace?: string;
  /** Acts as somebody else; `user` must be allowed to impersonate. */
  readonly as?: string;
  readonly asGroups?: readonly string[];
}

/** A kubeconfig with one context. JSON, which every reader of YAML reads. */
export function renderKubeconfig(fields: KubeconfigFields): string {
  const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');
  const { user } = fields;
  const credential =
    'certificate' in user
      ? { 'client-certificate-data': base64(user.certificate), 'client-key-data': base64(user.key) }
      : user;
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: 'test', cluster: { server: fields.server, 'certificate-authority-data': base64(fields.ca) } },
    ],
    users: [
      {
        name: 'test',
        user: {
          ...credential,
          ...(fields.as === undefined ? {} : { as: fields.as }),
          ...(fields.asGroups === undefined ? {} : { 'as-groups': fields.asGroups }),
        },
      },
    ],
    contexts: [
      {
        name: 'test',
        context: {
          cluster: 'test',
          user: 'test',
          ...(fields.namespace === undefined ? {} : { namespace: fields.namespace }),
        },
      },
    ],
    'current-context': 'test',
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}
