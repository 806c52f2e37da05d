/** Answers to the checks of an ACME server over TLS (tls-alpn-01, RFC 8737). */

import { readTextFile } from "../../../files/read_file.ts";
import { ProxyError } from "../../errors.ts";
import { blocksOf } from "../pem.ts";

/** The protocol (ALPN) of these checks. */
export const ACME_TLS = "acme-tls/1";

export interface AcmeAnswers {
  /** The names that certificates are ordered for, in lower case. */
  readonly names: readonly string[];
  /** The folder with the answers: one PEM file for each name, with certificate and key. */
  readonly folder: string;
}

/** Whether a client is an ACME server that validates a name: it offers that protocol alone. */
export function isAcmeCheck({ alpn }: { readonly alpn: readonly string[] | undefined }): boolean {
  return alpn?.length === 1 && alpn[0] === ACME_TLS;
}

/**
 * The certificate that answers a check, as PEM. It is read for each check: any thread may get it, and any proxy that
 * shares the folder, and such checks are rare.
 *
 * @throws {ProxyError} when no certificate is being ordered for the name.
 */
export async function tlsAnswerFor(
  serverName: string | undefined,
  { names, folder }: AcmeAnswers,
): Promise<{ readonly cert: string; readonly key: string }> {
  const name = serverName?.toLowerCase();
  // Only known names: anything else must not become a path.
  const pem = name !== undefined && names.includes(name)
    ? await readTextFile(`${folder}/${name}.pem`).catch(() => undefined)
    : undefined;
  const [cert] = blocksOf(pem ?? "", "CERTIFICATE");
  const [key] = blocksOf(pem ?? "", "[A-Z ]*PRIVATE KEY");
  if (cert !== undefined && key !== undefined) return { cert, key };
  throw new ProxyError("tls_handshake_failed", "client", {
    detail: `The client checks for an ACME order of ${name ?? "no name"}, and there is none in progress`,
  });
}
