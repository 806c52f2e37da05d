/**
 * PostgreSQL: a client asks with an SSLRequest, and a server answers with one byte (Frontend/Backend Protocol,
 * "SSL Session Encryption"). A client of version 17 may also begin with TLS at once (sslnegotiation=direct).
 */

import { BEHIND_CONSENT, type Dialogue, NEED_MORE, type StartTls, type Step } from "./starttls.ts";

/** The codes of requests, where a StartupMessage has its version. */
const CANCEL_REQUEST = 80877102;
const SSL_REQUEST = 80877103;
const GSSENC_REQUEST = 80877104;
/** The length of a request without content, and of what any first message begins with: its length and its code. */
const HEAD = 8;
/** As the server has it (MAX_STARTUP_PACKET_LENGTH). */
const LONGEST = 10_000;
/** The first byte of a TLS record with a ClientHello. As the first byte of a length, it is beyond any message. */
const HANDSHAKE = 0x16;

const ASK = Uint8Array.of(0, 0, 0, HEAD, 0x04, 0xd2, 0x16, 0x2f);
const YES = Uint8Array.of(0x53);
const NO = Uint8Array.of(0x4e);

const CONSENTS: Step = { kind: "tls", length: HEAD, bytes: YES };
const PLAIN: Step = { kind: "plain", length: 0 };

export const postgres: StartTls = {
  alpn: "postgresql",
  isOptional: true,
  accept: ({ required }) => new Server(required),
  decline: () => new PlainServer(),
  request: () => ({ opening: ASK, next: answered }),
};

class Server implements Dialogue {
  readonly #isRequired: boolean;
  /** The requests that were answered with no. */
  readonly #refused = new Set<number>();

  constructor(isRequired: boolean) {
    this.#isRequired = isRequired;
  }

  next(received: Uint8Array): Step {
    if (received.length === 0) return NEED_MORE;
    if (received[0] === HANDSHAKE) return this.begins();
    if (received[0] !== 0) return invalid("sent something that is not PostgreSQL");
    if (received.length < HEAD) return NEED_MORE;
    const view = new DataView(received.buffer, received.byteOffset);
    const [length, code] = [view.getUint32(0), view.getUint32(4)];
    if (length < HEAD || length > LONGEST) return invalid(`sent a first message of ${length} bytes`);
    if (code === SSL_REQUEST || code === GSSENC_REQUEST) return this.#answer(code, length, received.length);
    if (received.length < length) return NEED_MORE;
    if (code === CANCEL_REQUEST) {
      return received.length === length ? PLAIN : invalid("sent something behind its CancelRequest");
    }
    return this.#isRequired ? REFUSAL : PLAIN;
  }

  /** To a client that begins with TLS. */
  protected begins(): Step {
    return { kind: "tls", length: 0 };
  }

  /** To a client that asks for TLS; undefined means no. */
  protected consents(): Step | undefined {
    return CONSENTS;
  }

  /** A client sends nothing between its request and the answer: an attacker inserted such bytes (CVE-2021-23214). */
  #answer(code: number, length: number, received: number): Step {
    const name = code === SSL_REQUEST ? "SSLRequest" : "GSSENCRequest";
    if (length !== HEAD) return invalid(`sent ${name} with a length of ${length} bytes`);
    if (received > HEAD) return invalid(`sent something in plain text behind its ${name}`);
    const consent = code === SSL_REQUEST ? this.consents() : undefined;
    if (consent !== undefined) return consent;
    if (this.#refused.has(code)) return invalid(`sent a second ${name}`);
    this.#refused.add(code);
    return { kind: "send", length: HEAD, bytes: NO };
  }
}

class PlainServer extends Server {
  readonly mayEnd = true;

  constructor() {
    super(false);
  }

  protected override begins(): Step {
    return invalid("began with TLS, which is not offered here");
  }

  protected override consents(): undefined {}
}

function answered(received: Uint8Array): Step {
  const [answer] = received;
  if (answer === undefined) return NEED_MORE;
  if (answer === NO[0]) {
    return { kind: "refused", reason: 'answered the SSLRequest with "N": it offers no TLS here' };
  }
  if (answer !== YES[0]) return invalid("answered the SSLRequest with something else than PostgreSQL");
  return received.length > 1 ? invalid(BEHIND_CONSENT) : { kind: "tls", length: 1 };
}

function invalid(reason: string): Step {
  return { kind: "invalid", reason };
}

/** The answer of a server whose pg_hba.conf has `hostssl` alone. */
const REFUSAL: Step = {
  kind: "refused",
  reason: "did not ask for TLS",
  bytes: errorResponse("28000", "this server accepts connections with TLS only (set sslmode to require)"),
};

function errorResponse(code: string, message: string): Uint8Array {
  const fields = new TextEncoder().encode(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`);
  const bytes = new Uint8Array(1 + 4 + fields.length);
  bytes[0] = "E".charCodeAt(0);
  new DataView(bytes.buffer).setUint32(1, 4 + fields.length);
  bytes.set(fields, 5);
  return bytes;
}
