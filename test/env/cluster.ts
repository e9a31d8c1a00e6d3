/** `make cluster`: a real control plane in the foreground, with the CRDs and policies, until Ctrl-C. */
import { existsSync } from 'node:fs';
import { startControlPlane } from './control-plane.ts';

const cluster = await startControlPlane();
await cluster.kubectl(['create', 'namespace', 'offboard-system']);
for (const folder of ['crds', 'config/policies']) {
  if (existsSync(folder)) await cluster.kubectl(['apply', '--server-side', ...(existsSync(`${folder}/kustomization.yaml`) ? ['-k', folder] : ['-f', folder])]);
}
await cluster.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s']);
console.log(`export KUBECONFIG=${cluster.kubeconfig}`);
await new Promise<void>((resolve) => {
  const timer = setInterval(() => undefined, 2 ** 30);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      clearInterval(timer);
      resolve();
    });
  }
});
await cluster.stop();
