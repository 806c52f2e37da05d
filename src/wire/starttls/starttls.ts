/** STARTTLS: protocols that begin in plain text and ask for TLS inside. What both sides say until TLS begins. */

/** What to do about the bytes received so far. */
export type Step =
  /** Nothing yet: the message is incomplete. The caller must bound how much is read. */
  | { readonly kind: "need_more" }
  /** Drop the first `length` bytes, send `bytes`, and go on. */
  | { readonly kind: "send"; readonly length: number; readonly bytes: Uint8Array }
  /**
   * Drop the first `length` bytes and send `bytes`; this part is over. `tls`: TLS comes next. `plain`: what comes next
   * stays in plain text.
   */
  | { readonly kind: "tls" | "plain"; readonly length: number; readonly bytes?: Uint8Array }
  /**
   * Send `bytes`, if any, and close. `refused`: one side wants TLS and the other does not; `invalid`: the peer breaks
   * the protocol. The reason continues a sentence that begins with the peer: `The client …`.
   */
  | { readonly kind: "refused" | "invalid"; readonly reason: string; readonly bytes?: Uint8Array };

/** One connection until TLS begins. */
export interface Dialogue {
  /** Sent before anything is received. */
  readonly opening?: Uint8Array;
  /** A peer that closes before the end does nothing wrong. */
  readonly mayEnd?: true;
  next(received: Uint8Array): Step;
}

/** The dialogue with an upstream. */
export interface Request extends Dialogue {
  /** The greeting of the server, which it does not repeat inside TLS; undefined in protocols without one. */
  readonly greeting?: Uint8Array | undefined;
}

export interface AcceptOptions {
  /** The name of the server, for its greeting. */
  readonly name: string;
  /** Whether clients must use TLS. */
  readonly required: boolean;
}

export interface StartTls {
  /** The ALPN name of the protocol, where clients send it. */
  readonly alpn?: string;
  /** Whether clients may go on without TLS, if the configuration lets them. */
  readonly isOptional?: true;
  /** Plays the server until a client begins TLS. */
  accept(options: AcceptOptions): Dialogue;
  /** Where clients ask first: plays a server without TLS until a client goes on in plain text. */
  decline?(): Dialogue;
  /** Plays the client until a server begins TLS. @param name What it calls itself. */
  request(name: string): Request;
  /**
   * Where servers greet: takes the greeting off, for a client that was greeted already. A server that refuses the
   * client in its greeting still reaches it.
   */
  skipGreeting?(): Dialogue;
}

export const NEED_MORE: Step = { kind: "need_more" };

/** What a server sent in plain text behind its consent would be read as if it had come inside TLS. */
export const BEHIND_CONSENT = "sent something in plain text behind its consent to TLS";
