/** What Kubernetes gives a pod: the address of the API server, and a token. */

import type { ApiServer } from "./api_client.ts";

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

/**
 * How to ask an API server: what the options leave out is that of the pod that this program runs in. Undefined outside
 * of one.
 */
export function apiServerOf(
  { server, tokenFile, ca }: {
    readonly server?: string | undefined;
    readonly tokenFile?: string | undefined;
    readonly ca?: string | undefined;
  },
  env: (name: string) => string | undefined,
): ApiServer | undefined {
  const url = server ?? inClusterServer(env);
  if (url === undefined) return undefined;
  const isSecure = url.startsWith("https:");
  return {
    url: url.replace(/\/$/, ""),
    tokenFile: tokenFile ?? (isSecure ? SERVICE_ACCOUNT.token : undefined),
    caFile: ca ?? (isSecure ? SERVICE_ACCOUNT.ca : undefined),
  };
}
