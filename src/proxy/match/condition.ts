/** Conditions of routes, and the facts about a client that they test. */

import type { FirstBytes } from "../../net/socket/first_bytes.ts";
import type { ClientIdentity } from "../../wire/certificate/client_identity.ts";
import type { FileLists } from "../file_lists.ts";

/** What is known about a client when it is routed. */
export interface RouteFacts {
  /** Empty for a client on a unix socket; matches no source address. */
  readonly sourceAddress: string;
  /** 0 for a client on a unix socket; in no range of ports. */
  readonly sourcePort: number;
  /** The port the client connected to; 0 for a unix socket. */
  readonly listenPort: number;
  /** The name in the client's TLS ClientHello, and the protocols that it offers; undefined if unknown. */
  readonly serverName?: string | undefined;
  readonly alpn?: readonly string[] | undefined;
  /** What the client's verified certificate says; undefined without one. */
  readonly identity?: ClientIdentity | undefined;
  /** Whether a ClientHello that has not arrived yet may still say these. */
  readonly awaitsHello: boolean;
  /** What the client has sent first, as far as it was looked at. */
  readonly first: FirstBytes;
}

/**
 * Whether a client meets the condition; undefined while that depends on bytes that may still arrive. An answer other
 * than undefined stays the same whatever arrives.
 */
export type Test = (facts: RouteFacts) => boolean | undefined;

/** One kind of condition. `Value` is the type of its key in the configuration. */
export interface Condition<Value> {
  /** What it tests of that which the client sends first: fields of a ClientHello, or the bytes. */
  readonly reads?: "hello" | "bytes";
  /** Called once for each route that has the condition. @throws {SyntaxError} when the value makes no sense. */
  compile(value: Value, lists: FileLists): Test;
}
