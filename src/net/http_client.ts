/** HTTP requests of the proxy itself, to sources of endpoints. */

import { permissionFault, withRemedy } from "../files/permission_fault.ts";

export interface HttpClientOptions {
  /** PEM certificates of authorities to trust besides those that Deno trusts. */
  readonly ca?: string | undefined;
  /** false makes a connection for each request at a time, and never shares one. */
  readonly http2?: boolean;
}

/** Keeps connections open between requests until it is disposed of. */
export interface HttpClient extends Disposable {
  /** Follows no redirect: a token must not go elsewhere. @throws an error that says why there is no answer */
  fetch(url: string | URL, init: RequestInit & { readonly signal: AbortSignal }): Promise<Response>;
}

export function openHttpClient({ ca, http2 = true }: HttpClientOptions): HttpClient {
  const client = Deno.createHttpClient({ http2, ...ca === undefined ? {} : { caCerts: [ca] } });
  return {
    fetch: async (url, init) => {
      try {
        return await fetch(url, { ...init, client, redirect: "manual" });
      } catch (error) {
        throw reasonOf(error);
      }
    },
    [Symbol.dispose]: () => client.close(),
  };
}

/** The cause behind "fetch failed", without the request that Deno repeats in it. */
function reasonOf(error: unknown): unknown {
  const refused = permissionFault(error);
  if (refused !== undefined) return new Error(withRemedy(refused), { cause: error });
  const { cause } = error as { cause?: unknown };
  if (!(error instanceof TypeError && cause instanceof Error)) return error;
  const reason = cause.message.replace(/^error sending request .*?client error \([^)]*\): /s, "");
  return new Error(reason.replace(/ \(os error \d+\)/g, ""), { cause: error });
}

/** The largest answer that is read, in bytes. */
export const LARGEST_BODY = 16 * 1024 * 1024;

/** An answer is larger than {@linkcode LARGEST_BODY}. */
export class LargeBodyError extends RangeError {
  override readonly name = "LargeBodyError";
}

/**
 * The text of an answer, at most 16 MiB: a faulty server must not use up the memory.
 *
 * @throws {LargeBodyError} when it is larger
 */
export async function readBody(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  const parts: string[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > LARGEST_BODY) throw new LargeBodyError("the answer is larger than 16 MiB");
    parts.push(decoder.decode(chunk, { stream: true }));
  }
  return parts.join("") + decoder.decode();
}
