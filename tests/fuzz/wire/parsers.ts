/** Feeds the parsers of src/wire and the reading of configurations with what is wrong, thousands of times a second. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { ConfigError } from "../../../src/config/config_error.ts";
import { loadConfigFile } from "../../../src/config/load.ts";
import { MalformedError } from "../../../src/wire/byte_reader.ts";
import { readCertificate } from "../../../src/wire/certificate/certificate.ts";
import { CidrSet } from "../../../src/wire/ip/cidr.ts";
import { parseClientHello } from "../../../src/wire/client_hello/client_hello.ts";
import { clientKeyOf } from "../../../src/wire/ip/client_key.ts";
import { decodeProxyHeader, encodeProxyHeader } from "../../../src/wire/proxy_protocol/proxy_protocol.ts";
import type { ProxyHeader } from "../../../src/wire/proxy_protocol/header.ts";
import { DistinguishedName } from "../../../src/wire/certificate/distinguished_name.ts";
import type { Random } from "../../support/random.ts";
import { mutate } from "./mutation.ts";
import { certificates, configurations, HELLOS, PROXY_HEADERS } from "./samples.ts";

/** What takes longer, in milliseconds, stops all connections of a thread meanwhile. */
const SLOW = 500;
/** A configuration may take longer: it is read in turns, beside connections. */
const SLOW_CONFIG = 5000;

export interface Parser {
  readonly name: string;
  readonly samples: readonly Uint8Array[];
  /** How many mutants go in for each round. */
  readonly share: number;
  /** In milliseconds. */
  readonly slow: number;
  /** Throws when something is wrong. */
  readonly feed: (bytes: Uint8Array, random: Random) => void | Promise<void>;
}

export function parsers(directory: string): Parser[] {
  return [
    { name: "ClientHello", samples: HELLOS, share: 1000, slow: SLOW, feed: feedHello },
    { name: "PROXY header", samples: PROXY_HEADERS, share: 1000, slow: SLOW, feed: feedHeader },
    { name: "certificate", samples: certificates(), share: 1000, slow: SLOW, feed: feedCertificate },
    { name: "address", samples: ADDRESSES, share: 1000, slow: SLOW, feed: feedAddress },
    {
      name: "configuration",
      samples: configurations(),
      share: 10,
      slow: SLOW_CONFIG,
      feed: (bytes) => feedConfiguration(bytes, join(directory, "fuzz.yaml")),
    },
  ];
}

/** One mutant. @throws with what is wrong. */
export async function feedOne({ samples, slow, feed }: Parser, random: Random): Promise<void> {
  const bytes = mutate(random.pick(samples), random, random.pick(samples));
  const began = performance.now();
  try {
    const feeding = feed(bytes, random);
    if (feeding !== undefined) await feeding;
  } catch (error) {
    throw new Error(`${(error as Error).stack}\n  bytes: ${bytes.toHex()}`, { cause: error });
  }
  const took = performance.now() - began;
  if (took > slow) throw new Error(`took ${Math.round(took)} ms\n  bytes: ${bytes.toHex()}`);
}

/** What was decided stays so, whatever comes after. */
function feedHello(bytes: Uint8Array, random: Random): void {
  const whole = parseClientHello(bytes);
  const part = parseClientHello(bytes.subarray(0, random.integer(0, bytes.byteLength)));
  if (part.kind !== "need_more") assert.deepEqual(whole, part, "more bytes change a decision");
}

function feedHeader(bytes: Uint8Array, random: Random): void {
  const whole = decodeProxyHeader(bytes);
  const part = decodeProxyHeader(bytes.subarray(0, random.integer(0, bytes.byteLength)));
  if (part.kind !== "need_more") assert.deepEqual(whole, part, "more bytes change a decision");
  if (whole.kind === "need_more") assert.ok(whole.atLeast > bytes.byteLength, "needs no more than there is");
  if (whole.kind !== "header") return;
  assert.ok(whole.length <= bytes.byteLength, "longer than what has come");
  const { header } = whole;
  let again: Uint8Array;
  try {
    again = encodeProxyHeader(header, 2);
  } catch (error) {
    // What a header of version 1 says may be too long for one of version 2.
    if (error instanceof RangeError) return;
    throw error;
  }
  const decoded = decodeProxyHeader(again);
  if (hasMarkedPath(header)) {
    // What was a file called "@x" is written as the abstract socket that is shown the same way.
    assert.ok(decoded.kind === "header");
    assert.deepEqual(encodeProxyHeader(decoded.header, 2), again);
  } else assert.deepEqual(decoded, { kind: "header", header, length: again.byteLength });
}

function hasMarkedPath({ source, destination }: ProxyHeader): boolean {
  return [source, destination].some((end) => end?.transport === "unix" && end.path.startsWith("@"));
}

function feedCertificate(bytes: Uint8Array): void {
  try {
    const { subject } = readCertificate(bytes);
    // How it is shown: on one line.
    assert.doesNotMatch(
      new DistinguishedName(subject).toString(),
      /\p{Cc}/u,
      "a control character in a name",
    );
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
  }
}

const ADDRESSES = [
  "10.0.0.0/8",
  "192.0.2.1",
  "2001:db8::/32",
  "::ffff:192.0.2.1",
  "fe80::1%eth0",
  "::",
  "1:2:3:4:5:6:7:8/128",
]
  .map((text) => new TextEncoder().encode(text));

function feedAddress(bytes: Uint8Array): void {
  const text = new TextDecoder("latin1").decode(bytes);
  clientKeyOf(text);
  try {
    new CidrSet([text]).has("192.0.2.1");
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof RangeError)) throw error;
  }
}

async function feedConfiguration(bytes: Uint8Array, path: string): Promise<void> {
  await Deno.writeFile(path, bytes);
  try {
    await loadConfigFile(path, () => "10.0.0.1:1");
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    assert.ok(error.problems.length > 0, "an error without a problem");
  }
}
