/** The names of clients that a rule applies to: those of their certificates. */

import type { ClientIdentity } from "./client_identity.ts";

/** What a `*` can stand for: a DNS label, and the part of an address of mail before the @. */
const LABEL = /^[\w-]+$/;
const LOCAL_PART = /^[!-?A-~]+$/;

/** Names and patterns, compiled so that a look-up takes a few steps however many there are. */
export class ClientNameSet {
  /** With the kind in front; what is compared in any case is in lower case. */
  readonly #patterns = new Set<string>();

  /**
   * @param patterns `a.devices.example`, `*.devices.example` for one label, `alice@example.com`, `*@example.com`,
   * `spiffe://example.com/db`, `spiffe://example.com/*` for all below it, or a common name.
   * @throws {SyntaxError} when one is none of these.
   */
  constructor(patterns: readonly string[]) {
    for (const pattern of patterns) for (const key of keysOf(pattern)) this.#patterns.add(key);
  }

  /** Whether a name of the client is one of these. */
  has({ dns, emails, uris, commonName }: ClientIdentity): boolean {
    return dns.some((name) =>
      this.#hasAny(`dns:${name.toLowerCase()}`, wildName("dns", name.toLowerCase()))
    ) ||
      emails.some((email) =>
        this.#hasAny(`email:${withLowerHost(email)}`, wildEmail("email", withLowerHost(email)))
      ) ||
      uris.some((uri) => this.#hasUri(uri)) ||
      commonName !== undefined &&
        this.#hasAny(`cn:${commonName}`, wildName("cn", commonName), wildEmail("cn", commonName));
  }

  #hasAny(...keys: readonly (string | undefined)[]): boolean {
    const [whole] = keys;
    // A name with a * in it is no pattern.
    return !whole!.includes("*") && keys.some((key) => key !== undefined && this.#patterns.has(key));
  }

  #hasUri(uri: string): boolean {
    if (this.#hasAny(`uri:${uri}`)) return true;
    for (let slash = uri.indexOf("/"); slash >= 0; slash = uri.indexOf("/", slash + 1)) {
      if (slash + 1 < uri.length && this.#patterns.has(`uri:${uri.slice(0, slash + 1)}*`)) return true;
    }
    return false;
  }
}

/** @throws {SyntaxError} */
function keysOf(pattern: string): string[] {
  if (!/^[^\p{Cc}]+$/u.test(pattern)) throw refusal(pattern, "expected a name without control characters");
  const [, scheme, rest] = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/i.exec(pattern) ?? [];
  if (scheme !== undefined) {
    if (/\*/.test(rest!.replace(/\/\*$/, ""))) {
      throw refusal(pattern, 'a "*" can only be the end, behind a slash');
    }
    return [`uri:${pattern}`];
  }
  if (pattern.includes("@")) {
    if (/\*/.test(pattern.replace(/^\*@/, ""))) {
      throw refusal(pattern, 'a "*" can only be all before the "@"');
    }
    return [`email:${withLowerHost(pattern)}`, `cn:${pattern}`];
  }
  if (/\*/.test(pattern.replace(/^\*\.(?=[^.])/, ""))) {
    throw refusal(pattern, 'a "*" can only be the whole first label, as in "*.devices.example"');
  }
  return [`dns:${pattern.toLowerCase()}`, `cn:${pattern}`];
}

function refusal(pattern: string, why: string): SyntaxError {
  return new SyntaxError(`Cannot match names of clients with "${pattern}": ${why}`);
}

/** The pattern for one label in front of the others. */
function wildName(kind: string, name: string): string | undefined {
  const dot = name.indexOf(".");
  return dot > 0 && LABEL.test(name.slice(0, dot)) ? `${kind}:*${name.slice(dot)}` : undefined;
}

function wildEmail(kind: string, email: string): string | undefined {
  const at = email.indexOf("@");
  return at > 0 && LOCAL_PART.test(email.slice(0, at)) ? `${kind}:*${email.slice(at)}` : undefined;
}

/** Case matters before the @ only (RFC 5280 section 4.2.1.6). */
function withLowerHost(email: string): string {
  const at = email.lastIndexOf("@");
  return email.slice(0, at + 1) + email.slice(at + 1).toLowerCase();
}
