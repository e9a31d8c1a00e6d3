// Dependencies point one way: main → reconcile → policy, revokers, evidence → runtime, kube → nothing of ours.
const only = (name, from, allowed) => ({
  name,
  severity: 'error',
  from: { path: `^src/${from}/`, pathNot: '\\.test\\.ts$' },
  to: { path: '^src/', pathNot: [`^src/${from}/`, ...allowed.map((folder) => `^src/${folder}/`)] },
});

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    only('runtime-imports-nothing-of-ours', 'runtime', []),
    only('api-imports-nothing-of-ours', 'api', []),
    only('kube-imports-runtime', 'kube', ['runtime']),
    only('observability-imports-runtime', 'observability', ['runtime']),
    only('policy-is-pure', 'policy', ['api', 'runtime', 'revokers']),
    only('revokers-know-no-reconcile', 'revokers', ['api', 'kube', 'runtime']),
    only('evidence-is-checked-offline', 'evidence', ['api', 'runtime']),
    only('reconcile-knows-no-main', 'reconcile', ['api', 'policy', 'revokers', 'evidence', 'runtime', 'kube', 'observability']),
    only('cli-knows-no-operator', 'cli', ['api', 'policy', 'evidence', 'runtime', 'kube']),
    {
      name: 'reconcile-knows-the-contract-not-the-revokers',
      severity: 'error',
      from: { path: '^src/reconcile/', pathNot: '\\.test\\.ts$' },
      to: { path: '^src/revokers/[^/]+/' },
    },
    {
      name: 'only-kube-imports-the-client',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/kube/' },
      to: { path: 'node_modules/@kubernetes/client-node' },
    },
    {
      name: 'only-the-http-pool-imports-undici',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/runtime/http-pool\\.ts$' },
      to: { path: 'node_modules/undici' },
    },
    { name: 'source-imports-no-test', severity: 'error', from: { path: '^src/', pathNot: '\\.test\\.ts$' }, to: { path: '^test/' } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
