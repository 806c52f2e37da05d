/** `sluice check --ready URL`: whether a running proxy takes connections, for health checks that have no shell. */

import type { Address } from "../net/address.ts";
import { transportTo } from "./admin/client.ts";
import { AdminError, reasonOf } from "./admin/error.ts";
import { parsedAddress } from "./admin/target.ts";
import { printable } from "./format/printable.ts";
import { print } from "./output.ts";
import { UsageError } from "./usage.ts";

/** In milliseconds. */
const TIMEOUT = 3000;

/** The most of an answer that is shown, in characters. */
const LONGEST_ANSWER = 500;

interface Question {
  readonly address: Address;
  /** Its path with the query. */
  readonly path: string;
  /** For the header Host: an admin interface refuses names that it does not know. */
  readonly host: string;
}

/**
 * Asks once, and prints "ready".
 *
 * @param timeout How long the whole answer may take, in milliseconds.
 *
 * @throws {UsageError} when `url` is not one
 * @throws {AdminError} when there is no answer, or one with another status than 200
 */
export async function checkReady(url: string, timeout = TIMEOUT): Promise<void> {
  const { address, path, host } = questionOf(url);
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(new Error(`no answer within ${timeout} ms`)), timeout);
  using http = Deno.createHttpClient({ proxy: transportTo(address) });
  try {
    const response = await fetch(`http://${host}${path}`, {
      client: http,
      redirect: "manual",
      signal: late.signal,
    });
    const said = printable((await response.text()).trim().slice(0, LONGEST_ANSWER));
    if (response.status === 200) return print("ready");
    throw new AdminError("not_ready", `Not ready: ${url} answers ${response.status} ${said}`.trimEnd());
  } catch (cause) {
    if (cause instanceof AdminError) throw cause;
    throw new AdminError("unreachable", `Not ready: ${url} does not answer: ${reasonOf(cause)}`, { cause });
  } finally {
    clearTimeout(timer);
  }
}

/** An address of an admin interface, or a URL; its path is /readyz unless it has one. */
function questionOf(text: string): Question {
  if (!/^\w+:\/\//.test(text)) {
    // Every admin interface accepts this name.
    return { address: parsedAddress(text, "--ready", "check"), path: "/readyz", host: "localhost" };
  }
  const url = URL.parse(text);
  if (url?.protocol !== "http:" || url.username !== "") {
    throw new UsageError(`--ready: expected http://HOST:PORT/readyz or an address, got "${text}"`, "check");
  }
  const address = parsedAddress(`${url.hostname}:${url.port || 80}`, "--ready", "check");
  const path = url.pathname === "/" ? "/readyz" : url.pathname + url.search;
  return { address, path, host: url.host };
}
