/** HTTP of a source whose server is verified with authorities from a file. */

import type { HttpClient } from "../../net/http_client.ts";
import type { SourceParts } from "./source_parts.ts";

/** Opens a client that trusts the authorities of the file as it is now; the same one until they change. */
export class TrustingClient implements Disposable {
  readonly #caFile: string | undefined;
  readonly #parts: Pick<SourceParts, "http" | "files">;
  #ca: string | undefined;
  #client: HttpClient | undefined;

  /** @param caFile Certificates in PEM; undefined trusts those that Deno trusts. */
  constructor(caFile: string | undefined, parts: Pick<SourceParts, "http" | "files">) {
    this.#caFile = caFile;
    this.#parts = parts;
  }

  /** @throws in words why the file cannot be used */
  async now(): Promise<HttpClient> {
    const ca = this.#caFile && new TextDecoder().decode(await this.#parts.files.read(this.#caFile));
    if (this.#client !== undefined && ca === this.#ca) return this.#client;
    if (ca !== undefined && !ca.includes("-----BEGIN CERTIFICATE-----")) {
      throw new TypeError(`${this.#caFile} has no certificate in PEM`);
    }
    this[Symbol.dispose]();
    this.#ca = ca;
    // With HTTP/2, a request could go to the connection of one that has just been found dead.
    return this.#client = this.#parts.http({ ca, http2: false });
  }

  [Symbol.dispose](): void {
    this.#client?.[Symbol.dispose]();
    this.#client = undefined;
  }
}
