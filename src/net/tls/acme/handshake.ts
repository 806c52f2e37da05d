/**
 * A handshake of TLS 1.3 that answers a check of an ACME server, and nothing else (RFC 8737). The certificate has a
 * critical extension, for which both TLS servers of Deno 2.9.6 refuse it (https://github.com/rustls/webpki/issues/281).
 *
 * Nothing of value is protected: certificate and key are for this one check, and the connection ends with it.
 */

import { Buffer } from "node:buffer";
import { createPrivateKey, randomBytes, sign, X509Certificate } from "node:crypto";
import { MalformedError } from "../../../wire/byte_reader.ts";
import { clientHelloMessage } from "../../../wire/client_hello/message.ts";
import { concatenate } from "../../../wire/concatenate.ts";
import {
  type HelloOffer,
  readHelloOffer,
  SECP256R1,
  TLS_1_3,
  X25519,
} from "../../../wire/tls13/hello_offer.ts";
import {
  AES_128_GCM_SHA256,
  certificateMessage,
  certificateVerify,
  CLIENT_HELLO,
  contentToSign,
  ECDSA_SECP256R1_SHA256,
  encryptedExtensions,
  finished,
  handshakeMessage,
  number,
  serverHello,
} from "../../../wire/tls13/server_messages.ts";
import { ProxyError } from "../../errors.ts";
import { type Conn, writeAll } from "../../socket/conn.ts";
import type { ReadAheadConn } from "../../socket/read_ahead_conn.ts";
import { exchangeKeys, handshakeSecrets, RecordProtection, sha256, verifyData } from "./key_schedule.ts";

/** Types of records. */
const CHANGE_CIPHER_SPEC = 20;
const ALERT = 21;
const HANDSHAKE = 22;
const APPLICATION_DATA = 23;

const RECORD_HEADER = 5;
/** The largest record of a client in this handshake, in bytes: a Finished message needs 60. */
const LARGEST_RECORD = 1024;
/** A handshake has no more records of a client. */
const MOST_RECORDS = 4;

/** The certificate of one check and its key, as PEM. */
export interface CheckIdentity {
  readonly cert: string;
  readonly key: string;
}

/**
 * Answers a check; resolves when the client has seen the certificate. Sends and reads nothing else.
 *
 * @param conn A ClientHello is there, and was not read yet.
 * @throws {ProxyError} of side `client` when it cannot be answered, or when the connection ends.
 */
export async function answerCheck(
  conn: ReadAheadConn,
  protocol: string,
  identity: CheckIdentity,
): Promise<void> {
  const message = clientHelloMessage(conn.received);
  if (typeof message === "string") throw failed("it sent no ClientHello");
  conn.skip(conn.received.length);
  try {
    const offer = readHelloOffer(message);
    const group = groupIn(offer);
    await shakeHands(conn, {
      offer,
      group,
      hello: handshakeMessage(CLIENT_HELLO, message),
      protocol,
      identity,
    });
  } catch (cause) {
    if (cause instanceof MalformedError) throw failed(cause.message);
    throw cause;
  }
}

interface Check {
  readonly offer: HelloOffer;
  readonly group: number;
  /** With its header. */
  readonly hello: Uint8Array;
  readonly protocol: string;
  readonly identity: CheckIdentity;
}

async function shakeHands(conn: Conn, { offer, group, hello, protocol, identity }: Check): Promise<void> {
  const { keyShare, shared } = exchangeKeys(group, offer.keyShares.get(group)!);
  const random = new Uint8Array(randomBytes(32));
  const server = serverHello({ random, sessionId: offer.sessionId, group, keyShare });
  const secrets = handshakeSecrets(shared, sha256(hello, server));
  const certificate = concatenate(
    encryptedExtensions(protocol),
    certificateMessage(new Uint8Array(new X509Certificate(identity.cert).raw)),
  );
  const toSign = contentToSign(sha256(hello, server, certificate));
  const signature = new Uint8Array(sign("sha256", Buffer.from(toSign), createPrivateKey(identity.key)));
  const proved = concatenate(certificate, certificateVerify(signature));
  const flight = concatenate(proved, finished(verifyData(secrets.server, sha256(hello, server, proved))));
  await writeAll(
    conn,
    concatenate(
      plainRecord(HANDSHAKE, server),
      plainRecord(CHANGE_CIPHER_SPEC, number(1, 1)),
      new RecordProtection(secrets.server).seal(HANDSHAKE, flight),
    ),
  );
  const expected = finished(verifyData(secrets.client, sha256(hello, server, flight)));
  await receiveFinished(conn, new RecordProtection(secrets.client), expected);
}

async function receiveFinished(
  conn: Conn,
  protection: RecordProtection,
  expected: Uint8Array,
): Promise<void> {
  for (let count = 0; count < MOST_RECORDS; count += 1) {
    const { type, body } = await receiveRecord(conn);
    if (type === CHANGE_CIPHER_SPEC) continue;
    if (type === ALERT) throw refused(body);
    if (type !== APPLICATION_DATA) throw failed("it sent a record that is not protected");
    const inner = opened(protection, body);
    if (inner.type === ALERT) throw refused(inner.content);
    if (inner.type === HANDSHAKE && Buffer.from(inner.content).equals(Buffer.from(expected))) return;
    throw failed("its Finished message is wrong");
  }
  throw failed("it did not finish the handshake");
}

function opened(protection: RecordProtection, body: Uint8Array): ReturnType<RecordProtection["open"]> {
  try {
    return protection.open(body);
  } catch {
    throw failed("a record of it cannot be decrypted");
  }
}

async function receiveRecord(conn: Conn): Promise<{ readonly type: number; readonly body: Uint8Array }> {
  const header = await receive(conn, RECORD_HEADER);
  const length = header[3]! * 256 + header[4]!;
  if (length > LARGEST_RECORD) throw failed("it sent a record that is too long");
  return { type: header[0]!, body: await receive(conn, length) };
}

async function receive(conn: Conn, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const count = await conn.read(bytes.subarray(at));
    if (count === null) throw failed("it closed during the handshake");
    at += count;
  }
  return bytes;
}

/** X25519, which nearly all clients send, or P-256. */
function groupIn({ versions, cipherSuites, signatureAlgorithms, keyShares }: HelloOffer): number {
  const group = [X25519, SECP256R1].find((each) => keyShares.has(each));
  const fits = versions.includes(TLS_1_3) && cipherSuites.includes(AES_128_GCM_SHA256) &&
    signatureAlgorithms.includes(ECDSA_SECP256R1_SHA256);
  if (fits && group !== undefined) return group;
  throw failed(
    "it does not offer TLS 1.3 with AES-128-GCM, ECDSA on P-256, and X25519 or P-256; use acme.http",
  );
}

function plainRecord(type: number, content: Uint8Array): Uint8Array {
  return concatenate(number(1, type), number(2, 0x0303), number(2, content.length), content);
}

function refused(alert: Uint8Array): ProxyError {
  return failed(`it ended the handshake with alert ${alert[1] ?? "?"}`);
}

function failed(why: string): ProxyError {
  return new ProxyError("tls_handshake_failed", "client", {
    detail: `The check of an ACME server failed: ${why}`,
  });
}
