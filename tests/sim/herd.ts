/** The connections that an endpoint gets when it is back, from proxies that do not know of each other. */

import { type PolicyName, policyOf } from "../../src/upstream/balance/registry.ts";
import { randomTwo } from "../../src/upstream/balance/random_two.ts";
import { TurnCredits } from "../../src/upstream/balance/smooth_weighted_round_robin.ts";
import { partAfter } from "../../src/upstream/slow_start.ts";
import { endpointsOf, randomFrom, type SimEndpoint, untilNext } from "./fleet.ts";

export interface HerdOptions {
  /** One that does not look at the client. */
  readonly policy: Exclude<PolicyName, "source_hash">;
  readonly proxies: number;
  readonly endpoints: number;
  /** New connections a second, of all proxies together. */
  readonly rate: number;
  /** How long connections last, on average, in seconds. */
  readonly life: number;
  /** `slow_start`, in seconds; 0 is none. */
  readonly slowStart: number;
  /** Seconds between health checks: each proxy finds out at any moment of them. */
  readonly interval: number;
  /** Seconds to follow from the moment when the endpoint is back. */
  readonly follow: number;
  readonly seed: number;
}

export interface Herd {
  /** New connections of the endpoint in each second, as multiples of its fair share. */
  readonly perSecond: readonly number[];
  /** The largest of them. */
  readonly peak: number;
  /** Its open connections at the end, as a multiple of its fair share. */
  readonly atEnd: number;
}

/** Seconds of one step, in which connections end at the same time. */
const STEP = 0.1;

export function herdOf(options: HerdOptions): Herd {
  const { policy, proxies, endpoints: count, rate, life, slowStart, interval, follow, seed } = options;
  const random = randomFrom(seed);
  const fleet = Array.from(
    { length: proxies },
    () => new SimProxy(count, policy, random() * interval, random),
  );
  // Long enough for the number of open connections to become what it stays.
  const begin = -5 * life;
  const ending = new Map<number, SimEndpoint[]>();
  const perSecond = new Array<number>(follow).fill(0);
  const back = new Set(fleet.map(({ endpoints }) => endpoints[0]!));
  let next = begin;
  for (let step = Math.round(begin / STEP); step < Math.round(follow / STEP); step++) {
    for (const endpoint of ending.get(step) ?? []) endpoint.active -= 1;
    ending.delete(step);
    for (; next < (step + 1) * STEP; next += untilNext(random, rate)) {
      const endpoint = fleet[Math.floor(random() * proxies)]!.choose(next, slowStart);
      endpoint.active += 1;
      const end = Math.max(step + 1, Math.floor((next + untilNext(random, 1 / life)) / STEP));
      if (ending.has(end)) ending.get(end)!.push(endpoint);
      else ending.set(end, [endpoint]);
      if (next >= 0 && back.has(endpoint)) perSecond[Math.floor(next)]! += count / rate;
    }
  }
  const open = [...back].reduce((sum, { active }) => sum + active, 0);
  return { perSecond, peak: Math.max(...perSecond), atEnd: open * count / (rate * life) };
}

/** A proxy with its own counts: it knows nothing of the others. */
class SimProxy {
  readonly endpoints: readonly SimEndpoint[];
  /** When it finds the first endpoint up again. */
  readonly #back: number;
  readonly #choose: (time: number) => SimEndpoint;

  /** @param back Seconds until it finds the first endpoint up again. */
  constructor(count: number, policy: HerdOptions["policy"], back: number, random: () => number) {
    this.endpoints = endpointsOf(count);
    this.#back = back;
    // The same chance in every run, which the registry does not give.
    const choose = policy === "random_two" ? randomTwo(random) : policyOf(policy, new TurnCredits(count));
    const { endpoints } = this;
    const [first] = endpoints;
    this.#choose = (time) =>
      choose({
        endpoints,
        client: "",
        isAllowed: (endpoint) => endpoint !== first || time >= back,
      })!;
  }

  choose(time: number, slowStart: number): SimEndpoint {
    const past = time - this.#back;
    const isWarming = slowStart > 0 && past >= 0;
    this.endpoints[0]!.part = isWarming ? partAfter({ past, whole: slowStart }) : 1;
    return this.#choose(time);
  }
}
