/** What a start does not wait for, and a take-over does: until then, the other sluice serves the clients. */

import { sleep } from "../../net/timers/sleep.ts";
import type { Log } from "../../observe/log/log.ts";
import type { GroupController } from "../../upstream/group_controller.ts";
import { TakeOverError } from "../admin/take_over_error.ts";

/** Milliseconds until the groups must be ready. */
const PATIENCE = 30_000;
/** Milliseconds between two looks. */
const LOOK = 20;
const NEVER = new AbortController().signal;

/**
 * Starts groups, and waits until all are ready. Health checks that take longer are not waited for.
 *
 * @param patience In milliseconds.
 * @throws {TakeOverError} when the endpoints of a group are still not known then.
 */
export async function startUntilReady(
  groups: readonly Pick<GroupController, "start" | "isKnown" | "notReady">[],
  log: Log,
  patience = PATIENCE,
): Promise<void> {
  for (const group of groups) group.start();
  const reasons = () => groups.flatMap(({ notReady }) => notReady).join("; ");
  if (reasons() === "") return;
  log.info(`Takes over as soon as it is ready: ${reasons()}`, { event: "take_over_waits" });
  const deadline = performance.now() + patience;
  while (reasons() !== "" && performance.now() < deadline) await sleep(LOOK, NEVER);
  if (reasons() === "") return;
  const still = `not ready after ${patience / 1000} s: ${reasons()}`;
  if (!groups.every(({ isKnown }) => isKnown)) {
    const remedy = "to start nevertheless, stop the running sluice and leave --take-over out";
    throw new TakeOverError(`Cannot take over, ${still} (${remedy})`);
  }
  log.warn(`Takes over, although ${still}`, { event: "take_over_waits" });
}
