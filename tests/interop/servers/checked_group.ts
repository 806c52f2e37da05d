/** A sluice whose group has health checks, and their results. */

import type { UpstreamView } from "../../../src/admin/views.ts";
import { eventually } from "../../support/eventually.ts";
import { Admin } from "../../support/program/admin.ts";
import { Sluice } from "../../support/program/program.ts";

export class CheckedGroup {
  readonly sluice: Sluice;
  readonly #admin: Admin;

  private constructor(sluice: Sluice) {
    this.sluice = sluice;
    this.#admin = new Admin(sluice);
  }

  /**
   * Starts a service before endpoints on these ports of 127.0.0.1. `check` has more YAML flow entries of the health
   * check, which runs often and takes the first result.
   */
  static async start(
    stack: AsyncDisposableStack,
    ports: readonly number[],
    check: string,
  ): Promise<CheckedGroup> {
    const endpoints = ports.map((port) => `"127.0.0.1:${port}"`).join(", ");
    const sluice = await Sluice.withConfig(`
log: { format: json }
admin: { listen: "127.0.0.1:0" }
upstreams:
  group:
    endpoints: [${endpoints}]
    health_check: { interval: 50ms, rise: 1, fall: 1, timeout: 10s, ${check} }
services: [{ name: test, listen: 0, upstream: group }]
`);
    return new CheckedGroup(stack.use(sluice));
  }

  /** The result of the last check of each endpoint, once `isDone`: `up: answered "+PONG"`. */
  async results(isDone: (results: readonly string[]) => boolean = () => true): Promise<string[]> {
    const read = async () => {
      const [group] = await this.#admin.view<UpstreamView[]>("upstreams");
      return group!.endpoints.map(({ state, check }) => `${state}: ${check?.cause}`);
    };
    const isComplete = (results: string[]) => results.every((each) => !each.startsWith("unknown"));
    return await eventually("results", read, (results) => isComplete(results) && isDone(results));
  }
}
