/** How long a program takes from its launch until it is ready, for one service. */
import type { Trial } from "./load.ts";
import { percentile } from "../report/statistics.ts";

/**
 * sluice is ready when it says so, the others when they can be connected to, which is asked every millisecond. The
 * upstream is not needed.
 */
export const launch: Trial = {
  name: "start",
  needs: [],
  targets: ["sluice", "haproxy", "nginx", "node"],
  async measure(processes, start, { launches }) {
    const times: number[] = [];
    for (let count = 0; count < launches; count++) {
      const running = await start(processes, 1, null);
      times.push(running.readyAfterMs);
      await running.stop();
    }
    return { start_ms: percentile(times, 50) };
  },
};
