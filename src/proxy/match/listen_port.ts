/** `listen_port`: matches the port that the client connected to. */

import type { PortRange } from "../../config/config.ts";
import type { Condition } from "./condition.ts";

export const listenPort: Condition<readonly PortRange[]> = {
  // Port 0 means a unix socket, which matches no range.
  compile: (ranges) => ({ listenPort: port }) =>
    port > 0 && ranges.some(({ first, last }) => first <= port && port <= last),
};
