/** Logs when no endpoint of a group is up, and when one is up again. */

import type { GroupConfig } from "../config/config.ts";
import type { Log } from "../observe/log/log.ts";
import type { EndpointController } from "./endpoint_controller.ts";

export class GroupCondition {
  readonly #group: string;
  readonly #log: Log;
  #isDown = false;

  constructor(group: string, log: Log) {
    this.#group = group;
    this.#log = log;
  }

  /** The state of an endpoint, or the list of endpoints, has changed. */
  update(endpoints: readonly EndpointController[], { onAllDown }: Pick<GroupConfig, "onAllDown">): void {
    const isDown = !endpoints.some(({ isUp }) => isUp);
    if (isDown === this.#isDown) return;
    this.#isDown = isDown;
    const upstream = this.#group;
    if (!isDown) {
      return this.#log.info(`${upstream}: an endpoint is up again`, { event: "group_up", upstream });
    }
    // Not even panic mode uses an endpoint that an operator has taken out.
    const isPanic = onAllDown === "try" && endpoints.some(({ admin }) => admin === "up");
    const refused = onAllDown === "wait" ? "clients wait" : "clients are refused";
    const consequence = isPanic ? "panic mode uses them all" : refused;
    this.#log.error(`${upstream}: no endpoint is up, ${consequence}`, { event: "group_down", upstream });
  }
}
