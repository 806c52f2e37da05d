/** A sluice that orders certificates from Pebble. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { CertificateAuthority } from "../../support/certificates.ts";
import { run } from "../../support/interop.ts";
import { echo, upstream } from "../../support/peers/sockets.ts";
import type { Pebble } from "../servers/pebble.ts";

/** A folder with the configuration of a sluice that logs JSON. */
export class Site {
  readonly folder: string;
  readonly #echo: string;
  readonly authority: CertificateAuthority;

  private constructor(folder: string, echoes: string, authority: CertificateAuthority) {
    this.folder = folder;
    this.#echo = echoes;
    this.authority = authority;
  }

  static async make(stack: AsyncDisposableStack): Promise<Site> {
    const folder = await Deno.makeTempDir({ prefix: "sluice-acme-" });
    stack.defer(() => Deno.remove(folder, { recursive: true }));
    const server = stack.use(upstream(echo));
    return new Site(folder, server.address, stack.use(await CertificateAuthority.create()));
  }

  /** Writes a configuration with one service; returns its path. */
  async write(name: string, listen: number, keys = ""): Promise<string> {
    const path = join(this.folder, `${name}.yaml`);
    const service = `{ name: shop, listen: "127.0.0.1:${listen}", upstream: "${this.#echo}"${keys} }`;
    await Deno.writeTextFile(
      path,
      `log: { format: json }\nadmin: { listen: 127.0.0.1:0 }\nservices:\n  - ${service}\n`,
    );
    return path;
  }

  acme({ directory }: Pebble, names: readonly string[], more = ""): string {
    return `acme: { names: [${names.join(", ")}], agree_to_terms: true, storage: "${this.folder}/store", ` +
      `directory: "${directory}", ca: "${this.authority.cert}", email: ops@example.com${more} }`;
  }
}

/** What a client says of the certificate that it gets, verified with the authority of Pebble. */
export async function certificateAt(
  port: number,
  name: string,
  pebble: Pebble,
  folder: string,
): Promise<string> {
  const root = join(folder, "root.pem");
  await Deno.writeTextFile(root, await pebble.root());
  const { text } = await run("openssl", [
    "s_client",
    "-connect",
    `127.0.0.1:${port}`,
    "-servername",
    name,
    "-verify_return_error",
    "-verify_hostname",
    name,
    "-CAfile",
    root,
  ]);
  assert.match(text, /Verify return code: 0 \(ok\)/);
  return /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/.exec(text)![0];
}
