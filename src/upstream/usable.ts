/** Which endpoints get new connections, as the threads choose them (see `balance/endpoint_choice.ts`). */

import type { EndpointController } from "./endpoint_controller.ts";

type Judged = Pick<EndpointController, "isUp" | "health" | "tier">;

/** Those that checks have found up; if there are none, those that are not down. */
export function usableOf<Endpoint extends Judged>(
  endpoints: readonly Endpoint[],
  areChecked: boolean,
): Endpoint[] {
  const notDown = endpoints.filter(({ isUp }) => isUp);
  const foundUp = areChecked ? notDown.filter(({ health }) => health === "up") : notDown;
  return foundUp.length > 0 ? foundUp : notDown;
}

/** The lowest tier of some endpoints. */
export function lowestTierOf(endpoints: readonly Judged[]): number | undefined {
  return endpoints.length === 0 ? undefined : Math.min(...endpoints.map(({ tier }) => tier));
}
