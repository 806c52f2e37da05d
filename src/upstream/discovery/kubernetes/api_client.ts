/** Asks the Kubernetes API, as a service account. */

import type { SourceParts } from "../source_parts.ts";
import { tokenIn } from "../token_file.ts";
import { TrustingClient } from "../trusting_client.ts";

export interface ApiServer {
  /** Such as "https://10.0.0.1:443", without a slash at the end. */
  readonly url: string;
  /** Undefined asks without a token, as through `kubectl proxy`. */
  readonly tokenFile: string | undefined;
  /** Certificates, in PEM, that the server's may be signed by; undefined accepts those that the system knows. */
  readonly caFile: string | undefined;
}

export class ApiClient implements Disposable {
  readonly #server: ApiServer;
  readonly #files: SourceParts["files"];
  readonly #client: TrustingClient;

  constructor(server: ApiServer, parts: Pick<SourceParts, "http" | "files">) {
    this.#server = server;
    this.#files = parts.files;
    this.#client = new TrustingClient(server.caFile, parts);
  }

  /**
   * Asks for a path. Token and certificates are read again for each request, so that one that was replaced is used
   * from the next request on.
   *
   * @throws in words why the server cannot be reached, or a file not be used
   */
  get(path: string, query: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Response> {
    return this.#fetch(`${path}?${new URLSearchParams(query)}`, new Headers(), { signal });
  }

  /** Merges `change` into the object at a path (RFC 7396). Token, certificates and errors are as in {@linkcode get}. */
  patch(path: string, change: unknown, signal: AbortSignal): Promise<Response> {
    const headers = new Headers({ "content-type": "application/merge-patch+json" });
    return this.#fetch(path, headers, { method: "PATCH", body: JSON.stringify(change), signal });
  }

  async #fetch(
    path: string,
    headers: Headers,
    init: RequestInit & { readonly signal: AbortSignal },
  ): Promise<Response> {
    const { url, tokenFile } = this.#server;
    headers.set("accept", "application/json");
    if (tokenFile !== undefined) {
      headers.set("authorization", `Bearer ${await tokenIn(tokenFile, this.#files)}`);
    }
    const client = await this.#client.now();
    return await client.fetch(`${url}${path}`, { ...init, headers });
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }
}
