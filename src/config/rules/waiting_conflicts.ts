/** Finds groups in which clients can wait for nothing, or without an end. */

import { parseDuration } from "../values/duration.ts";
import type { Place } from "./place.ts";

export function findWaitingConflicts(group: Place): void {
  findUselessQueue(group);
  const onAllDown = group.at("on_all_down");
  const { report } = group;
  if (onAllDown.is("wait")) findEndlessWait(onAllDown, group.at("retry", "timeout"));
  const learns = ["health_check", "passive", "discovery"].some((key) => group.at(key).isSet);
  if (onAllDown.is("refuse") && !learns) {
    onAllDown.add(
      `Cannot refuse clients: without ${
        report.spell("health_check")
      }, passive and discovery no endpoint goes down`,
    );
  }
}

function findUselessQueue(group: Place): void {
  const queue = group.at("queue");
  if (!queue.isSet) return;
  const limits = group.at("endpoints").entries.map((endpoint) => endpoint.at("max_connections"));
  if (limits.some(({ isSet, value }) => isSet && String(value) !== "0")) return;
  const discovery = group.at("discovery");
  const limit = discovery.at("max_connections");
  // A file of endpoints may set limits itself.
  if (discovery.at("file").isSet || limit.isSet && !limit.isZero) return;
  queue.add(
    `Clients can only queue at a limit of connections: set ${
      group.report.spell("max_connections")
    } of an endpoint${discovery.isSet && !discovery.at("dns").isSet ? ", or of discovery" : ""}`,
  );
}

function findEndlessWait(onAllDown: Place, timeout: Place): void {
  if (timeout.find(parseDuration)?.value !== 0) return;
  onAllDown.add(`Cannot let clients wait without an end: ${timeout} is 0`);
}
