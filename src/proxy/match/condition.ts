/** Conditions of routes, and the facts about a client that they test. */

/** What is known about a client when it is routed. */
export interface RouteFacts {
  /** Empty for a client of a unix socket, which matches no source address. */
  readonly sourceAddress: string;
  /** 0 for a client of a unix socket, which is in no range of ports. */
  readonly sourcePort: number;
  /** The port the client connected to; 0 for a unix socket. */
  readonly listenPort: number;
  /** The name in the client's TLS ClientHello, and the protocols it offers; undefined when these are not known. */
  readonly serverName?: string | undefined;
  readonly alpn?: readonly string[] | undefined;
}

/** Whether a client meets the condition. */
export type Test = (facts: RouteFacts) => boolean;

/** One kind of condition, with the value that its key has in the configuration. */
export interface Condition<Value> {
  /** It tests fields of the ClientHello. */
  readonly readsHello?: true;
  /** Called once for each route that has the condition. @throws {SyntaxError} when the value makes no sense. */
  compile(value: Value): Test;
}
