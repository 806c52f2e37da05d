/** Makes certificates with openssl, of every kind that a test needs. */

import { join } from "node:path";
import { type Needs, run } from "./interop.ts";

export const OPENSSL: Needs = { needs: ["openssl"], install: "apt-get install openssl" };

export interface KeyPair {
  /** Paths of PEM files. */
  readonly cert: string;
  readonly key: string;
}

export interface CertificateRequest {
  /** The common name. */
  readonly name: string;
  /** The subject alternative names, `DNS:a.test`; by default only the common name as a DNS name. */
  readonly names?: readonly string[];
  /** Arguments of `openssl req -newkey`; an EC key unless given. */
  readonly newKey?: readonly string[];
  readonly usage?: "serverAuth" | "clientAuth";
  /** Days from now on; the certificate is valid from -1 to 30 unless given. */
  readonly from?: number;
  readonly until?: number;
}

export const EC = ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
export const RSA = ["rsa:2048"];

const DAY_MS = 86_400_000;

const CONFIGURATION = `
[ca]
default_ca = default
[default]
database = index.txt
new_certs_dir = .
default_md = sha256
default_crl_days = 7
policy = policy
unique_subject = no
rand_serial = yes
[policy]
organizationName = optional
commonName = optional
`;

/** A certificate authority in a directory of its own, removed when disposed of. */
export class CertificateAuthority implements AsyncDisposable {
  readonly directory: string;
  /** The authority's own certificate. */
  readonly cert: string;
  #count = 0;
  /** The database of openssl takes one at a time. */
  #issuing: Promise<unknown> = Promise.resolve();

  private constructor(directory: string) {
    this.directory = directory;
    this.cert = join(directory, "ca.pem");
  }

  static async create(name = "Test CA"): Promise<CertificateAuthority> {
    const authority = new CertificateAuthority(await Deno.makeTempDir({ prefix: "sluice-ca-" }));
    await authority.#write("openssl.cnf", CONFIGURATION);
    await authority.#write("index.txt", "");
    // deno-fmt-ignore
    await authority.#openssl("req", "-x509", "-newkey", ...EC, "-nodes", "-keyout", "ca.key",
      "-out", "ca.pem", "-days", "30", "-subj", `/CN=${name}`);
    return authority;
  }

  /** Issues a certificate, with a key of its own. */
  issue(request: CertificateRequest): Promise<KeyPair> {
    const issued = this.#issuing.then(() => this.#issue(request));
    this.#issuing = issued.catch(() => {});
    return issued;
  }

  async #issue(request: CertificateRequest): Promise<KeyPair> {
    const { name, names = [`DNS:${name}`], newKey = EC, usage = "serverAuth", from = -1, until = 30 } =
      request;
    const file = `${this.#count++}`;
    const alternatives = names.length === 0 ? "" : `subjectAltName = ${names.join(",")}\n`;
    await this.#write(`${file}.ext`, `${alternatives}extendedKeyUsage = ${usage}\n`);
    // deno-fmt-ignore
    await this.#openssl("req", "-newkey", ...newKey, "-nodes", "-keyout", `${file}.key`,
      "-out", `${file}.csr`, "-subj", `/O=Test/CN=${name}`);
    await Deno.chmod(join(this.directory, `${file}.key`), 0o600);
    // deno-fmt-ignore
    await this.#openssl("ca", "-batch", "-notext", "-config", "openssl.cnf", "-cert", "ca.pem", "-keyfile", "ca.key",
      "-in", `${file}.csr`, "-out", `${file}.pem`, "-extfile", `${file}.ext`,
      "-startdate", asn1Time(from), "-enddate", asn1Time(until));
    return { cert: join(this.directory, `${file}.pem`), key: join(this.directory, `${file}.key`) };
  }

  /** Revokes a certificate that it has issued; only the next list has it. */
  async revoke({ cert }: Pick<KeyPair, "cert">): Promise<void> {
    await this.#openssl(
      "ca",
      "-config",
      "openssl.cnf",
      "-cert",
      "ca.pem",
      "-keyfile",
      "ca.key",
      "-revoke",
      cert,
    );
  }

  /** Writes a list of what it has revoked, in one step, and returns its path. @param seconds How long it is good. */
  async writeList({ seconds = 604_800, name = "ca.crl" } = {}): Promise<string> {
    // deno-fmt-ignore
    await this.#openssl("ca", "-config", "openssl.cnf", "-cert", "ca.pem", "-keyfile", "ca.key",
      "-gencrl", "-crlsec", String(seconds), "-out", `${name}.new`);
    const path = join(this.directory, name);
    await Deno.rename(`${path}.new`, path);
    return path;
  }

  /** Runs `openssl pkey` or a similar command on a key; returns the path of its output. */
  async convert(key: string, command: string, ...args: string[]): Promise<string> {
    const path = join(this.directory, `converted-${this.#count++}.key`);
    await this.#openssl(command, "-in", key, "-out", path, ...args);
    await Deno.chmod(path, 0o600);
    return path;
  }

  /** Writes a file beside the certificates and returns its path. */
  async file(name: string, text: string): Promise<string> {
    await this.#write(name, text);
    return join(this.directory, name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.directory, { recursive: true });
  }

  async #openssl(...args: string[]): Promise<void> {
    await run("openssl", args, { cwd: this.directory });
  }

  async #write(name: string, text: string): Promise<void> {
    await Deno.writeTextFile(join(this.directory, name), text);
  }
}

/** GeneralizedTime, as openssl takes it: `20260101000000Z`. */
function asn1Time(days: number): string {
  const iso = new Date(Date.now() + days * DAY_MS).toISOString();
  return `${iso.slice(0, "2026-01-01T00:00:00".length).replaceAll(/[-:T]/g, "")}Z`;
}
