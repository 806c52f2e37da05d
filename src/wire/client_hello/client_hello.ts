/** The ClientHello, which a TLS client sends unencrypted: RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2. */

import { ByteReader, MalformedError } from "../byte_reader.ts";
import { clientHelloMessage } from "./message.ts";

export interface ClientHello {
  /** The server name (RFC 6066 section 3): lower case, without a trailing dot. */
  readonly serverName: string | undefined;
  /**
   * Application protocols by preference (RFC 7301), such as `h2`. They may be any bytes: each byte becomes a character.
   */
  readonly alpn: readonly string[];
  /**
   * TLS versions by preference, 0x0303 for 1.2 and 0x0304 for 1.3. A client without TLS 1.3 states only its highest.
   */
  readonly versions: readonly number[];
}

export type ParsedClientHello =
  /** Valid so far. The caller must bound how much is read. */
  | { readonly kind: "need_more" }
  /** Not TLS. */
  | { readonly kind: "not_tls" }
  /** It begins like TLS, but is not a valid ClientHello. */
  | { readonly kind: "invalid"; readonly reason: string }
  | { readonly kind: "hello" } & ClientHello;

const SERVER_NAME = 0;
const ALPN = 16;
const SUPPORTED_VERSIONS = 43;

const HOST_NAME = 0;
/** No name in DNS is longer (RFC 1035 section 2.3.4). */
const MAX_SERVER_NAME = 255;
const RANDOM = 32;
const MAX_SESSION_ID = 32;

type Mutable<Type> = { -readonly [Key in keyof Type]: Type[Key] };

/**
 * Parses the ClientHello that a connection begins with, given all bytes so far. With Encrypted Client Hello it sees the
 * outer one. The result shares no memory with `bytes`.
 */
export function parseClientHello(bytes: Uint8Array): ParsedClientHello {
  try {
    const message = clientHelloMessage(bytes);
    if (typeof message === "string") return { kind: message };
    return { kind: "hello", ...readHello(new ByteReader(message, "the ClientHello")) };
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return { kind: "invalid", reason: error.message };
  }
}

function readHello(message: ByteReader): ClientHello {
  const legacyVersion = message.uint16();
  message.piece(RANDOM, "the random value");
  check(message.vector(1, "the session ID").remaining <= MAX_SESSION_ID, "the session ID is too long");
  const ciphers = message.vector(2, "the cipher list").remaining;
  check(ciphers >= 2 && ciphers % 2 === 0, "wrong length of the cipher list");
  check(message.vector(1, "the compression list").remaining > 0, "empty compression list");
  const hello: Mutable<ClientHello> = { serverName: undefined, alpn: [], versions: [legacyVersion] };
  // Before TLS 1.3, a ClientHello may have no extensions.
  if (message.remaining > 0) readExtensions(message.vector(2, "the extensions"), hello);
  message.finish();
  return hello;
}

function readExtensions(extensions: ByteReader, hello: Mutable<ClientHello>): void {
  const seen = new Set<number>();
  while (extensions.remaining > 0) {
    const type = extensions.uint16();
    const data = extensions.vector(2, `extension ${type}`);
    check(!seen.has(type), `extension ${type} occurs twice`);
    seen.add(type);
    if (type === SERVER_NAME) hello.serverName = readServerName(data);
    else if (type === ALPN) hello.alpn = readProtocols(data);
    else if (type === SUPPORTED_VERSIONS) hello.versions = readVersions(data);
  }
}

function readServerName(extension: ByteReader): string | undefined {
  const names = extension.vector(2, "the server name list");
  extension.finish();
  check(names.remaining > 0, "empty server name list");
  let serverName: string | undefined;
  while (names.remaining > 0) {
    const type = names.uint8();
    const name = names.vector(2, "the server name");
    if (type !== HOST_NAME) continue;
    check(serverName === undefined, "more than one server name");
    check(name.remaining <= MAX_SERVER_NAME, "the server name is too long");
    serverName = name.latin1().replace(/\.$/, "").toLowerCase();
    check(/^[\x21-\x7e]+$/.test(serverName), "the server name is empty or not printable ASCII");
  }
  return serverName;
}

function readProtocols(extension: ByteReader): string[] {
  const list = extension.vector(2, "the ALPN list");
  extension.finish();
  check(list.remaining > 0, "empty ALPN list");
  const protocols: string[] = [];
  while (list.remaining > 0) {
    const protocol = list.vector(1, "the ALPN protocol");
    check(protocol.remaining > 0, "empty ALPN protocol");
    protocols.push(protocol.latin1());
  }
  return protocols.filter((name) =>
    name.length !== 2 || !isGrease(name.charCodeAt(0) * 256 + name.charCodeAt(1))
  );
}

function readVersions(extension: ByteReader): number[] {
  const list = extension.vector(1, "the version list");
  extension.finish();
  check(list.remaining > 0, "empty version list");
  const versions: number[] = [];
  while (list.remaining > 0) versions.push(list.uint16());
  return versions.filter((version) => !isGrease(version));
}

/** Reserved values, which clients send to make sure that servers ignore unknown ones (RFC 8701). */
function isGrease(value: number): boolean {
  return (value & 0x0f0f) === 0x0a0a && value >>> 8 === (value & 0xff);
}

function check(isRight: boolean, reason: string): void {
  if (!isRight) throw new MalformedError(reason);
}
