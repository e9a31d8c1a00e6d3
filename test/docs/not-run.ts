/** The commands in the documents that no test runs, each with the reason, and what comes nearest to it. */

interface NotRun {
  readonly page: string;
  /** How it begins. */
  readonly command: string;
  readonly why: string;
  /** A test, or what the gate runs beside the tests. */
  readonly nearest: string;
}

export const notRun: readonly NotRun[] = [
  { page: 'README.md', command: 'make demo', why: 'the test runs the program that it starts', nearest: 'test/e2e/demo.test.ts' },
  { page: 'README.md', command: 'make test', why: 'it is what runs this', nearest: 'test/env/gate.ts' },
  { page: 'README.md', command: 'make image', why: 'needs Docker and its bases', nearest: 'test/e2e/image.test.ts' },
  { page: 'README.md', command: 'docker push', why: 'needs a registry', nearest: 'test/e2e/image.test.ts' },
  { page: 'docs/simulation.md', command: 'make sim', why: 'the gate runs the program that it starts', nearest: 'test/env/gate.ts' },
  { page: 'docs/google-cloud.md', command: 'kubectl apply -f config/samples/connector-google-cloud.yaml', why: 'the sample leads to Google itself', nearest: 'test/integration/connectors-google-cloud.test.ts' },
  { page: 'docs/google-cloud.md', command: 'kubectl wait --for=condition=Ready --timeout=60s connector/gcp-prod', why: 'the sample leads to Google itself', nearest: 'test/integration/connectors-google-cloud.test.ts' },
  { page: 'docs/reference/cli.md', command: 'kubectl offboard completion fish', why: 'needs fish', nearest: 'test/integration/cli.test.ts' },
  { page: 'docs/runbooks/no-leader.md', command: 'kubectl logs', why: 'needs a kubelet', nearest: 'test/e2e/docs.test.ts' },
  { page: 'docs/runbooks/operator-blind.md', command: 'kubectl logs', why: 'needs a kubelet', nearest: 'src/observability/log.test.ts' },
];
