/** Feeds wrong bytes to the parsers of src/wire and to the configuration reader, thousands of times a second. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { ConfigError } from "../../../src/config/config_error.ts";
import { ConfigFile } from "../../../src/config/load.ts";
import { MalformedError } from "../../../src/wire/byte_reader.ts";
import { readCertificate } from "../../../src/wire/certificate/certificate.ts";
import { CidrSet } from "../../../src/wire/ip/cidr.ts";
import { parseClientHello } from "../../../src/wire/client_hello/client_hello.ts";
import { clientKeyOf } from "../../../src/wire/ip/client_key.ts";
import { decodeProxyHeader, encodeProxyHeader } from "../../../src/wire/proxy_protocol/proxy_protocol.ts";
import type { ProxyHeader } from "../../../src/wire/proxy_protocol/header.ts";
import { identityOf } from "../../../src/wire/certificate/client_identity.ts";
import { ClientNameSet } from "../../../src/wire/certificate/client_names.ts";
import { readRevocationList } from "../../../src/wire/certificate/revocation_list.ts";
import { DistinguishedName } from "../../../src/wire/certificate/distinguished_name.ts";
import { readResponse } from "../../../src/upstream/health/kinds/http_response.ts";
import { STARTTLS_PROTOCOLS, startTlsOf } from "../../../src/wire/starttls/registry.ts";
import type { Random } from "../../support/random.ts";
import { mutate } from "./mutation.ts";
import { BEFORE_TLS, certificates, configurations, HELLOS, HTTP_ANSWERS, PROXY_HEADERS } from "./samples.ts";

/** The time limit for a parser, in milliseconds: meanwhile it blocks all connections of a thread. */
const SLOW = 500;
/** The time limit for a configuration, which is read in turns, beside connections. */
const SLOW_CONFIG = 5000;

export interface Parser {
  readonly name: string;
  readonly samples: readonly Uint8Array[];
  /** The number of mutants in each round. */
  readonly share: number;
  /** In milliseconds. */
  readonly slow: number;
  /** Throws when a parser has a fault. */
  readonly feed: (bytes: Uint8Array, random: Random) => void | Promise<void>;
}

export function parsers(directory: string): Parser[] {
  return [
    { name: "ClientHello", samples: HELLOS, share: 1000, slow: SLOW, feed: feedHello },
    { name: "PROXY header", samples: PROXY_HEADERS, share: 1000, slow: SLOW, feed: feedHeader },
    { name: "before TLS", samples: BEFORE_TLS, share: 1000, slow: SLOW, feed: feedBeforeTls },
    { name: "certificate", samples: certificates(), share: 1000, slow: SLOW, feed: feedCertificate },
    { name: "address", samples: ADDRESSES, share: 1000, slow: SLOW, feed: feedAddress },
    { name: "HTTP answer", samples: HTTP_ANSWERS, share: 500, slow: SLOW, feed: feedHttpAnswer },
    {
      name: "configuration",
      samples: configurations(),
      share: 10,
      slow: SLOW_CONFIG,
      feed: (bytes) => feedConfiguration(bytes, join(directory, "fuzz.yaml")),
    },
  ];
}

/** Tries one mutant. @throws with the fault. */
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

/** A decision must not change with later bytes. */
function feedHello(bytes: Uint8Array, random: Random): void {
  const whole = parseClientHello(bytes);
  const part = parseClientHello(bytes.subarray(0, random.integer(0, bytes.byteLength)));
  if (part.kind !== "need_more") assert.deepEqual(whole, part, "more bytes change a decision");
}

/** Nor must a status, and a body only gets longer until it is whole. */
function feedHttpAnswer(bytes: Uint8Array, random: Random): void {
  const whole = readResponse(bytes);
  const part = readResponse(bytes.subarray(0, random.integer(0, bytes.byteLength)));
  if (part === undefined) return;
  assert.equal(whole?.status, part?.status, "more bytes change the status");
  if (whole?.body === undefined || part?.body === undefined) return;
  if (part.isWhole) assert.ok(whole.isWhole, "more bytes open a body again");
  const { length } = part.body;
  assert.ok(length <= whole.body.length && (!part.isWhole || length === whole.body.length), "another length");
  assert.deepEqual(whole.body.subarray(0, length), part.body, "more bytes change a body");
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
    // The content of a version 1 header may be too long for version 2.
    if (error instanceof RangeError) return;
    throw error;
  }
  const decoded = decodeProxyHeader(again);
  if (hasMarkedPath(header)) {
    // A file called "@x" is written as the abstract socket with the same text.
    assert.ok(decoded.kind === "header");
    assert.deepEqual(encodeProxyHeader(decoded.header, 2), again);
  } else assert.deepEqual(decoded, { kind: "header", header, length: again.byteLength });
}

function hasMarkedPath({ source, destination }: ProxyHeader): boolean {
  return [source, destination].some((end) => end?.transport === "unix" && end.path.startsWith("@"));
}

/** Each step drops what it has read, and none drops more than there is. */
function feedBeforeTls(bytes: Uint8Array, random: Random): void {
  const protocol = startTlsOf(random.pick(STARTTLS_PROTOCOLS));
  const dialogue = random.pick([
    protocol.accept({ name: "fuzz.test", required: random.chance(0.5) }),
    protocol.request("[192.0.2.1]"),
    ...protocol.decline === undefined ? [] : [protocol.decline()],
    ...protocol.skipGreeting === undefined ? [] : [protocol.skipGreeting()],
  ]);
  for (let start = 0, end = 0; end <= bytes.length;) {
    const step = dialogue.next(bytes.subarray(start, end));
    if ("reason" in step) return assert.doesNotMatch(step.reason, /\p{Cc}/u);
    if (step.kind === "need_more") {
      end += random.integer(1, 20);
      continue;
    }
    assert.ok(step.length <= end - start, "drops more than has come");
    if (step.kind !== "send") return;
    assert.ok(step.length > 0, "goes on without having read anything");
    start += step.length;
  }
}

function feedCertificate(bytes: Uint8Array): void {
  CLIENTS.has(identityOf(bytes));
  try {
    readRevocationList(bytes);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
  }
  try {
    const { subject } = readCertificate(bytes);
    // Its text is one line.
    assert.doesNotMatch(
      new DistinguishedName(subject).toString(),
      /\p{Cc}/u,
      "a control character in a name",
    );
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
  }
}

const CLIENTS = new ClientNameSet(["*.devices.example", "*@example.com", "spiffe://example.com/*"]);

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
    await new ConfigFile(path, () => "10.0.0.1:1").load();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    assert.ok(error.problems.length > 0, "an error without a problem");
  }
}
