/** Whether a server's certificate is for the requested host (RFC 6125 section 6, RFC 9525). */

import type { Certificate } from "./certificate.ts";
import { sameBytes } from "./der.ts";
import { commonNameText, DistinguishedName } from "./distinguished_name.ts";
import { isIpv4, parseIp } from "../ip/ip_address.ts";

/** A wildcard name needs at least this many labels; the wildcard replaces the first. */
const FEWEST_LABELS = 3;

export class ServerIdentity {
  readonly #dns: readonly string[];
  readonly #ip: readonly Uint8Array[];
  /** Used only if there is no DNS name, for old certificates. */
  readonly #commonName: string | undefined;

  constructor({ subject, extensions: { alternativeNames } }: Certificate) {
    const { dns = [], ip = [] } = alternativeNames ?? {};
    this.#dns = dns;
    this.#ip = ip;
    this.#commonName = dns.length === 0 ? new DistinguishedName(subject).commonName : undefined;
  }

  /** @param host A name or an address. */
  isFor(host: string): boolean {
    const words = parseIp(host);
    if (words !== undefined) {
      const address = bytesOf(words);
      return this.#ip.some((ip) => sameBytes(ip, address));
    }
    const labels = labelsOf(host);
    const names = this.#commonName === undefined ? this.#dns : [this.#commonName];
    return names.some((name) => matches(labelsOf(name), labels));
  }

  /** The names, for people: `DNS:a.test, IP Address:10.0.0.1`. */
  toString(): string {
    const names = [
      ...this.#dns.map((name) => `DNS:${name}`),
      ...this.#ip.map((ip) => `IP Address:${addressText(ip)}`),
      ...this.#commonName === undefined ? [] : [commonNameText(this.#commonName)],
    ];
    return names.length === 0 ? "no name at all" : names.join(", ");
  }
}

function matches(pattern: readonly string[], labels: readonly string[]): boolean {
  if (pattern.length !== labels.length || labels.includes("")) return false;
  const isWild = pattern[0] === "*" && pattern.length >= FEWEST_LABELS;
  return pattern.every((label, index) => index === 0 && isWild || label === labels[index]);
}

function labelsOf(name: string): string[] {
  return name.toLowerCase().replace(/\.$/, "").split(".");
}

/** In network order: 4 bytes of an IPv4 address, else 16. */
function bytesOf(words: Uint32Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(16));
  words.forEach((word, index) => view.setUint32(index * 4, word));
  return new Uint8Array(view.buffer, isIpv4(words) ? 12 : 0);
}

function addressText(ip: Uint8Array): string {
  if (ip.length === 4) return ip.join(".");
  const view = new DataView(ip.buffer, ip.byteOffset, ip.length);
  return Array.from({ length: 8 }, (_, group) => view.getUint16(group * 2).toString(16)).join(":");
}
