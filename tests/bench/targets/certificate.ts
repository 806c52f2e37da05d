/** The certificate of every proxy here: EC P-256, as most new ones are, made for one run. */
import { OPENSSL } from "./programs.ts";
import type { Processes } from "../processes.ts";

/** Paths of PEM files. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  /** Certificate and key in one file, as haproxy requires. */
  readonly bundle: string;
}

/** Makes it, once for each {@linkcode Processes}. */
export async function makeCertificate(processes: Processes): Promise<Certificate> {
  const [cert, key, bundle] = ["cert", "key", "bundle"].map((name) => `${processes.dir}/${name}.pem`) as [
    string,
    string,
    string,
  ];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  const args = ["req", "-x509", ...kind, "-keyout", key, "-out", cert, "-days", "2", ...subject];
  await processes.run(OPENSSL.command, args, 10_000);
  await Deno.writeTextFile(bundle, await Deno.readTextFile(cert) + await Deno.readTextFile(key));
  return { cert, key, bundle };
}
