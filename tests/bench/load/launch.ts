/** Measures how long a program with one service takes from its launch until it is ready. */
import type { Trial } from "./load.ts";
import { percentile } from "../report/statistics.ts";

/**
 * sluice is ready when it prints its ready line, the others when they accept a connection, which this tries every
 * millisecond. No upstream is needed.
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
