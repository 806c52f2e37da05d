/** When a fault acts, and on which connections. */

/** An undefined condition restricts nothing. */
export interface Trigger {
  /** Only every nth connection of the service since the fault was added: 3 for the third, sixth, … */
  readonly every: number | undefined;
  /** Only the first n connections of the service since the fault was added. */
  readonly first: number | undefined;
  /** A share of the connections, from 0 to 1; the seed determines which. */
  readonly probability: number | undefined;
  /** Only connections of clients in these blocks. */
  readonly client: readonly string[] | undefined;
  /** Only connections whose ClientHello asks for one of these names. */
  readonly sni: readonly string[] | undefined;
  /** Begins after this many bytes have passed in its direction. */
  readonly afterBytes: number | undefined;
  /** Begins this long after the relay of the connection began, in milliseconds. */
  readonly after: number | undefined;
  /** Begins right after these bytes in its direction. */
  readonly match: Uint8Array | undefined;
  /** Acts this long on a connection, in milliseconds; after that, bytes pass again. */
  readonly for: number | undefined;
  /** Acts on at most this many connections. */
  readonly times: number | undefined;
}

/** Acts always, on all connections. */
export const NO_TRIGGER: Trigger = {
  every: undefined,
  first: undefined,
  probability: undefined,
  client: undefined,
  sni: undefined,
  afterBytes: undefined,
  after: undefined,
  match: undefined,
  for: undefined,
  times: undefined,
};
