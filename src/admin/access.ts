/**
 * Access to the admin interface. A web page in a local browser can send requests to this machine. The Host header shows
 * which name it used (DNS rebinding); Origin and Sec-Fetch-Site show which site it comes from.
 */

import { createHash, timingSafeEqual } from "node:crypto";
import { ApiError } from "./api_error.ts";

/** Host and port, without characters that would change the meaning of a URL with it. */
const HOST = /^[^\s/?#@\\]+$/;

/** An IPv4 or IPv6 address as the URL standard normalises it. */
const IP_LITERAL = /^(\d+\.\d+\.\d+\.\d+|\[[0-9a-f:.]+\])$/;

/**
 * Checks that a request is addressed to this server by an IP address, as localhost or by a name in `hosts` (lower
 * case); any name is allowed if `hosts` is undefined.
 *
 * @throws {ApiError} `bad_host`, `host_not_allowed`
 */
export function checkHost(headers: Headers, hosts: ReadonlySet<string> | undefined): void {
  const { hostname } = hostUrl("http:", headers);
  const isLocal = IP_LITERAL.test(hostname) || hostname === "localhost";
  if (hosts === undefined || isLocal || hosts.has(hostname)) return;
  const remedy = "use an IP address or localhost, or add it to admin.hosts";
  throw new ApiError("host_not_allowed", `The host name "${hostname}" is not allowed: ${remedy}`);
}

/**
 * Checks that a request does not come from a page of another site (https://www.w3.org/TR/fetch-metadata/). Programs
 * other than browsers send neither header.
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

/** The scheme is ignored: a proxy in front may terminate TLS. */
function isSameOrigin(origin: string, headers: Headers): boolean {
  const url = URL.canParse(origin) ? new URL(origin) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) return false;
  return hostUrl(url.protocol, headers).host === url.host;
}

/** The origin of this server, under the name that the client used. */
function hostUrl(scheme: string, headers: Headers): URL {
  const host = headers.get("host");
  const text = `${scheme}//${host}/`;
  if (host !== null && HOST.test(host) && URL.canParse(text)) return new URL(text);
  throw new ApiError("bad_host", "The Host header is missing or malformed");
}

/** Compares tokens; keeps only a digest of the right one. */
export class TokenCheck {
  readonly #digest: Uint8Array | undefined;

  /** @param token Undefined accepts every request. */
  constructor(token: string | undefined) {
    this.#digest = token === undefined ? undefined : digestOf(token);
  }

  /** Whether a request has the token. Takes constant time. */
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
      headers: { "www-authenticate": 'Bearer realm="sluice"' },
    });
  }
}

/** RFC 6750 section 2.1. */
function tokenOf(headers: Headers): string | undefined {
  return /^bearer +(\S+)$/i.exec(headers.get("authorization") ?? "")?.[1];
}

/** Digests have the same length, which {@linkcode timingSafeEqual} requires and which hides that of the token. */
function digestOf(token: string): Uint8Array {
  return createHash("sha256").update(token).digest();
}
