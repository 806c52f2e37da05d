/** Where the files of ACME are in their folder. All proxies that share the folder agree on it. */

import { join } from "node:path";

/** Identifies a certificate: its first name, and the ACME server that issues it. */
export interface AcmeCertificateName {
  readonly storage: string;
  readonly directory: string;
  readonly names: readonly string[];
}

/** Of one directory (server) of ACME, without certificates of others. */
export function acmeFolder({ storage, directory }: Omit<AcmeCertificateName, "names">): string {
  return join(
    storage,
    directory.replace(/^https?:\/\//, "").replace(/[^A-Za-z0-9.-]+/g, "-").replace(/-$/, ""),
  );
}

/**
 * The certificate and its key in one PEM file, so that both are replaced at once. It is called like the first name,
 * so that it stays in use while one with other names is ordered.
 */
export function acmeCertificateFile(certificate: AcmeCertificateName): string {
  return join(acmeFolder(certificate), `${certificate.names[0]}.pem`);
}

/** Answers to checks in progress, of all directories: a check does not say whose it is. */
export function acmeChallengeFolder(storage: string): string {
  return join(storage, "challenges");
}

/** A certificate that answers tls-alpn-01, with its key. */
export function acmeTlsAnswerFile(storage: string, name: string): string {
  return join(acmeChallengeFolder(storage), `${name}.pem`);
}

/** The text that answers http-01. @param token Letters, digits, `-` and `_`. */
export function acmeHttpAnswerFile(storage: string, token: string): string {
  return join(acmeChallengeFolder(storage), `${token}.txt`);
}
