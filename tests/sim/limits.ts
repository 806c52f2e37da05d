/** What a limit of connections costs when a fleet divides it among its proxies. */

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
