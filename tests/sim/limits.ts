/** What a limit of connections costs when a fleet divides it among its proxies, and while their number changes. */

export interface DividedOptions {
  /** Connections that the fleet should admit. */
  readonly whole: number;
  /** The number of proxies that the limits are for. */
  readonly dividedBy: number;
  /** The number of proxies that there are. */
  readonly proxies: number;
  /** Connections of all clients that would be open on average without limits; they come to proxies at random. */
  readonly load: number;
}

export interface Divided {
  /** What the fleet admits, as a share of the whole. */
  readonly admits: number;
  /** The share of clients that is refused. */
  readonly refused: number;
}

export function dividedLimit({ whole, dividedBy, proxies, load }: DividedOptions): Divided {
  const limit = Math.floor(whole / dividedBy);
  return { admits: proxies * limit / whole, refused: refusedShare(limit, load / proxies) };
}

/**
 * The share of clients that a limit refuses, if they come independently of each other and stay for any time: Erlang's
 * loss formula (https://en.wikipedia.org/wiki/Erlang_(unit)#Erlang_B_formula).
 *
 * @param limit Connections that may be open at a time.
 * @param load Connections that would be open on average without the limit.
 */
export function refusedShare(limit: number, load: number): number {
  let share = 1;
  for (let places = 1; places <= limit; places++) share = load * share / (places + load * share);
  return share;
}
