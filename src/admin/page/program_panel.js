/** The program's state and its totals. */

import { byId, create, setAttribute, setText } from "./parts/element.js";
import { formatBytes, formatCount, formatDuration, formatFrequency, formatRate } from "./parts/format.js";
import { errorsOf } from "./services/service_errors.js";

/** @import { StatsEvent, StatusView } from "../views.ts" */
/** @import { Rate } from "./services/rates.js" */

export class ProgramPanel {
  #state = byId("state", HTMLParagraphElement);
  #facts = byId("facts", HTMLDListElement);
  #version = fact(this.#facts, "Version");
  #uptime = fact(this.#facts, "Up");
  #threads = fact(this.#facts, "Threads");
  #pid = fact(this.#facts, "PID");

  /**
   * @param {StatsEvent} stats
   * @param {Rate | undefined} rate
   */
  update(stats, rate) {
    const { status } = stats;
    this.#showState(status);
    setText(this.#version, status.version);
    setAttribute(this.#version, "title", `on Deno ${status.deno}`);
    setText(
      this.#uptime,
      formatDuration(wholeSeconds(Date.parse(stats.time) - Date.parse(status.started_at))),
    );
    setAttribute(this.#uptime, "title", `since ${new Date(status.started_at).toLocaleString()}`);
    setText(this.#threads, String(status.threads));
    setText(this.#pid, String(status.pid));
    showTotals(stats, rate);
  }

  /**
   * Shows this while the state of the program is unknown.
   * @param {"disconnected" | "token needed"} state
   */
  showInstead(state) {
    setText(this.#state, capitalised(state));
    setAttribute(this.#state, "data-state", state);
  }

  /** @param {StatusView} status */
  #showState({ state, ready }) {
    const shown = state === "draining" ? "draining" : ready ? "running" : "not ready";
    setText(this.#state, capitalised(shown));
    setAttribute(this.#state, "data-state", shown);
  }
}

/**
 * @param {StatsEvent} stats
 * @param {Rate | undefined} rate
 */
function showTotals({ status, services }, rate) {
  const { active, limit } = status.connections;
  const sum = { total: 0, upload: 0, download: 0, errors: 0 };
  for (const service of services) {
    sum.total += service.connections.total;
    sum.upload += service.bytes.upload;
    sum.download += service.bytes.download;
    for (const { count } of errorsOf(service)) sum.errors += count;
  }
  show("total-active", formatCount(active));
  show("total-limit", limit === null ? "no limit" : `limit ${formatCount(limit)}`);
  show("total-new", rate === undefined ? "–" : formatFrequency(rate.connections));
  show("total-accepted", `${formatCount(sum.total)} in total`);
  show("total-upload", rate === undefined ? "–" : formatRate(rate.upload));
  show("total-uploaded", `${formatBytes(sum.upload)} in total`);
  show("total-download", rate === undefined ? "–" : formatRate(rate.download));
  show("total-downloaded", `${formatBytes(sum.download)} in total`);
  show("total-errors", rate === undefined ? "–" : formatCount(rate.errors));
  show("total-errors-ever", `${formatCount(sum.errors)} since the start`);
}

/**
 * @param {string} id
 * @param {string} text
 */
function show(id, text) {
  setText(byId(id, HTMLElement), text);
}

/**
 * @param {HTMLDListElement} list
 * @param {string} name
 */
function fact(list, name) {
  const value = create("dd", {}, "–");
  list.append(create("div", {}, create("dt", {}, name), value));
  return value;
}

/** @param {number} milliseconds */
function wholeSeconds(milliseconds) {
  return Math.max(1000, Math.floor(milliseconds / 1000) * 1000);
}

/** @param {string} text */
function capitalised(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
