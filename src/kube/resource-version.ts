/**
 * Versions of one resource grow with every write, and are whole numbers without leading zeros, so the longer one is the
 * later one. They are beyond what a `number` holds exactly.
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions
 */
export const compareVersions = (left: string, right: string): number => {
  if (left.length !== right.length) return left.length - right.length;
  return left < right ? -1 : left > right ? 1 : 0;
};
