/** What Kubernetes gives a pod: where the API server is, and who the pod is. */

/** @see https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/ */
const DIRECTORY = "/var/run/secrets/kubernetes.io/serviceaccount";

export const SERVICE_ACCOUNT = {
  token: `${DIRECTORY}/token`,
  ca: `${DIRECTORY}/ca.crt`,
  namespace: `${DIRECTORY}/namespace`,
} as const;

/** The URL of the API server of the cluster that this program runs in; undefined outside of one. */
export function inClusterServer(env: (name: string) => string | undefined): string | undefined {
  const host = env("KUBERNETES_SERVICE_HOST");
  const port = env("KUBERNETES_SERVICE_PORT") ?? "443";
  if (!host) return undefined;
  return `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
}
