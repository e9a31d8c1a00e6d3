/**
 * The kinds of the Prometheus Operator, as far as Offboard writes them: any other field is refused by a strict apply.
 * @see https://prometheus-operator.dev/docs/api-reference/api/
 */
const duration = { type: 'string', pattern: '^(0|(([0-9]+)y)?(([0-9]+)w)?(([0-9]+)d)?(([0-9]+)h)?(([0-9]+)m)?(([0-9]+)s)?(([0-9]+)ms)?)$' };
const text = { type: 'string' };
const strings = { type: 'object', additionalProperties: text };
const object = (properties: object, ...required: readonly string[]): object => ({ type: 'object', properties, ...(required.length === 0 ? {} : { required }) });
const list = (items: object): object => ({ type: 'array', items });

const endpoint = object({ port: text, path: text, interval: duration, scrapeTimeout: duration, honorLabels: { type: 'boolean' } });
const selector = object({ matchLabels: strings });
const rule = object({ alert: text, record: text, expr: { 'x-kubernetes-int-or-string': true }, for: duration, keep_firing_for: duration, labels: strings, annotations: strings }, 'expr');

const specs = {
  PodMonitor: object({ selector, podMetricsEndpoints: list(endpoint), jobLabel: text, podTargetLabels: list(text) }, 'selector'),
  ServiceMonitor: object({ selector, endpoints: list(endpoint), jobLabel: text, targetLabels: list(text) }, 'selector', 'endpoints'),
  PrometheusRule: object({ groups: list(object({ name: { type: 'string', minLength: 1 }, interval: duration, labels: strings, rules: list(rule) }, 'name')) }),
};

/** Manifests, to be applied. */
export const prometheusCrds = JSON.stringify({
  apiVersion: 'v1',
  kind: 'List',
  items: Object.entries(specs).map(([kind, spec]) => {
    const [group, singular] = ['monitoring.coreos.com', kind.toLowerCase()];
    const names = { kind, singular, plural: `${singular}s`, listKind: `${kind}List` };
    const schema = { openAPIV3Schema: object({ spec }, 'spec') };
    return {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: `${names.plural}.${group}` },
      spec: { group, names, scope: 'Namespaced', versions: [{ name: 'v1', served: true, storage: true, schema }] },
    };
  }),
});
