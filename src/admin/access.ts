/**
 * Who may ask. A web page that somebody visits can send requests to this machine from inside it; it gives itself away
 * by the name it used (DNS rebinding: the Host header) and by where it is from (Origin and Sec-Fetch-Site).
 */

import { createHash, timingSafeEqual } from "node:crypto";
import { ApiError } from "./api_error.ts";

/** Host and port, without what would make a URL of it mean something else. */
const HOST = /^[^\s/?#@\\]+$/;

/** What the URL standard makes of every way to write an IPv4 or IPv6 address. */
const IP_LITERAL = /^(\d+\.\d+\.\d+\.\d+|\[[0-9a-f:.]+\])$/;

/**
 * Checks that a request is addressed to this server by an IP address, as localhost or by a name in `hosts` (lower
 * case); any name will do where `hosts` is undefined.
 *
 * @throws {ApiError} `bad_host`, `host_not_allowed`
 */
export function checkHost(headers: Headers, hosts: ReadonlySet<string> | undefined): void {
  const hostname = hostUrl("http:", headers).hostname;
  if (hosts === undefined || IP_LITERAL.test(hostname) || hostname === "localhost" || hosts.has(hostname)) {
    return;
  }
  throw new ApiError(
    "host_not_allowed",
    `The host name "${hostname}" is not allowed: use an IP address or localhost, or add it to admin.hosts`,
  );
}

/**
 * Checks that a request does not come from another site's page; programs that are no browsers say nothing of this
 * (https://www.w3.org/TR/fetch-metadata/).
 *
 * @throws {ApiError} `bad_host`, `foreign_origin`
 */
export function checkOrigin(headers: Headers): void {
  const site = headers.get("sec-fetch-site");
  const origin = headers.get("origin");
  const isOwn = (site === null || site === "same-origin" || site === "none") &&
    (origin === null || isSameOrigin(origin, headers));
  if (isOwn) return;
  throw new ApiError("foreign_origin", "Requests from pages of other sites are refused");
}

/** The scheme does not count: TLS may have ended before the request came here. */
function isSameOrigin(origin: string, headers: Headers): boolean {
  const url = URL.canParse(origin) ? new URL(origin) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) return false;
  return hostUrl(url.protocol, headers).host === url.host;
}

/** The server as the client called it. */
function hostUrl(scheme: string, headers: Headers): URL {
  const host = headers.get("host");
  const text = `${scheme}//${host}/`;
  if (host !== null && HOST.test(host) && URL.canParse(text)) return new URL(text);
  throw new ApiError("bad_host", "The Host header is missing or malformed (HTTP/1.1 is spoken here)");
}

/** Knows the token without keeping it. */
export class TokenCheck {
  readonly #digest: Uint8Array | undefined;

  /** @param token undefined lets everyone in. */
  constructor(token: string | undefined) {
    this.#digest = token === undefined ? undefined : digestOf(token);
  }

  /** Whether a request has the token, compared in constant time. */
  accepts(headers: Headers): boolean {
    if (this.#digest === undefined) return true;
    const given = tokenOf(headers);
    return given !== undefined && timingSafeEqual(digestOf(given), this.#digest);
  }

  /**
   * Checks the bearer token of a request.
   *
   * @throws {ApiError} `unauthorized`
   */
  check(headers: Headers): void {
    if (this.accepts(headers)) return;
    const given = tokenOf(headers);
    const what = given === undefined ? "A token is needed" : "The token is wrong";
    throw new ApiError("unauthorized", `${what}: send "Authorization: Bearer TOKEN" with admin.token`, {
      "www-authenticate": 'Bearer realm="sluice"',
    });
  }
}

/** RFC 6750 section 2.1. */
function tokenOf(headers: Headers): string | undefined {
  return /^bearer +(\S+)$/i.exec(headers.get("authorization") ?? "")?.[1];
}

/** Digests are of one length, which {@linkcode timingSafeEqual} needs and which hides the token's. */
function digestOf(token: string): Uint8Array {
  return createHash("sha256").update(token).digest();
}
