/** The text of each event. */

import { formatAmount, formatBytes, formatDuration, formatReason } from "../parts/format.js";
import { isOrderly } from "../services/service_errors.js";

/** @import { AdminEvent, StatsEvent } from "../../views.ts" */

/** @typedef {"traffic" | "fault" | "problem" | "program"} EventKind */

/**
 * @typedef {object} EventText
 * @property {EventKind} kind
 * @property {string} label
 * @property {string} text
 */

/**
 * @param {Exclude<AdminEvent, StatsEvent>} event
 * @returns {EventText}
 */
export function describeEvent(event) {
  switch (event.type) {
    case "opened":
      return { kind: "traffic", label: "opened", text: connection(event) };
    case "connected":
      return { kind: "traffic", label: "connected", text: `${connection(event)} → ${event.endpoint}` };
    case "fault":
      return { kind: "fault", label: "fault", text: `${connection(event)}: ${event.fault}` };
    case "closed": {
      const { endpoint, reason, bytes, duration_ms } = event;
      const sizes = `↑ ${formatBytes(bytes.upload)} ↓ ${formatBytes(bytes.download)}`;
      return {
        kind: isOrderly(reason) ? "traffic" : "problem",
        label: "closed",
        text: `${connection(event)} → ${endpoint}: ${formatReason(reason)} after ${
          formatDuration(duration_ms)
        }, ${sizes}`,
      };
    }
    case "refused":
    case "failed": {
      const detail = event.detail === "" ? "" : ` (${event.detail})`;
      const text = `${connection(event)}: ${formatReason(event.reason)}${detail}`;
      return { kind: isOrderly(event.reason) ? "traffic" : "problem", label: event.type, text };
    }
    case "endpoint": {
      const { upstream, endpoint, state, admin, reason } = event;
      const set = admin === "up" ? "" : `, set to ${admin}`;
      const why = reason === "" ? "" : `: ${reason}`;
      return {
        kind: state === "down" || state === "ejected" ? "problem" : "program",
        label: "endpoint",
        text: `${upstream} ${endpoint} is ${state}${set}${why}`,
      };
    }
    case "reload":
      return {
        kind: event.ok ? "program" : "problem",
        label: "reload",
        text: `${event.ok ? "Done" : "Failed"}: ${event.detail}`,
      };
    case "drain":
      return {
        kind: "program",
        label: "drain",
        text: `Stopping; ${formatAmount(event.open, "connection")} open`,
      };
    case "dropped":
      return {
        kind: "problem",
        label: "dropped",
        text: `${formatAmount(event.count, "event")} dropped, because this page was too slow`,
      };
  }
}

/** @param {{ id: number, service: string, client: string }} event */
function connection({ id, service, client }) {
  return `${service} #${id} ${client}`;
}
