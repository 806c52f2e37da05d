/** The upstream groups with their endpoints. */

import { byId, create, setAttribute, setHidden, setText } from "../parts/element.js";
import { EndpointSwitch } from "./endpoint_switch.js";
import { formatCount, formatDuration } from "../parts/format.js";
import { KeyedElements } from "../parts/keyed_elements.js";

/** @import { DiscoveryView, EndpointView, StatsEvent, UpstreamView } from "../../views.ts" */
/** @import { SetEndpoint } from "./endpoint_switch.js" */

const COLUMNS = 7;

/**
 * A row of the table: a group, or one of its endpoints.
 * @typedef {{ group: UpstreamView, endpoint: EndpointView | undefined, now: number }} Item
 */

export class UpstreamsPanel {
  #rows;

  /** @param {SetEndpoint} setEndpoint */
  constructor(setEndpoint) {
    this.#rows = new KeyedElements(
      byId("upstreams", HTMLTableSectionElement),
      (/** @type {Item} */ { group, endpoint }) => JSON.stringify([group.name, endpoint?.address]),
      ({ group, endpoint }) =>
        endpoint === undefined ? new GroupRow() : new EndpointRow(group.name, endpoint.address, setEndpoint),
    );
  }

  /** @param {Pick<StatsEvent, "time" | "upstreams">} stats */
  update({ time, upstreams }) {
    const now = Date.parse(time);
    this.#rows.update(upstreams.flatMap((group) => [
      { group, endpoint: undefined, now },
      ...group.endpoints.map((endpoint) => ({ group, endpoint, now })),
    ]));
  }
}

class GroupRow {
  #name = create("span", { class: "name" });
  #about = create("span", { class: "minor" });
  #error = create("div", { class: "minor cause" });
  element = create(
    "tr",
    { class: "group" },
    create("th", { scope: "colgroup", colspan: String(COLUMNS) }, this.#name, this.#about, this.#error),
  );

  /** @param {Item} item */
  update({ group, now }) {
    const { name, balance, endpoints, pool, queue, waiting, discovery } = group;
    const usable = endpoints.filter((endpoint) => isUsable(endpoint)).length;
    const about = [balance.replaceAll("_", " "), `${usable} of ${endpoints.length} usable`];
    if (pool !== null) {
      const taken = pool.hits + pool.misses;
      about.push(`${formatCount(pool.idle)} idle in the pool`);
      if (taken > 0) about.push(`${Math.round(100 * pool.hits / taken)} % pool hits`);
    }
    if (queue !== null) about.push(`${formatCount(queue.length)} in the queue`);
    if (waiting > 0) about.push(`${formatCount(waiting)} waiting for an endpoint`);
    if (discovery !== null) about.push(`from ${discovery.from}, ${answerOf(discovery, now)}`);
    setText(this.#name, name);
    setText(this.#about, about.join(" · "));
    // The error of a source has a line of its own: its endpoints may be out of date.
    setText(this.#error, discovery?.error ?? "");
    setHidden(this.#error, (discovery?.error ?? null) === null);
    setAttribute(this.element, "data-usable", usable === 0 ? "none" : null);
  }
}

class EndpointRow {
  #address = create("span", { class: "address" });
  #tier = create("span", { class: "tag plain" });
  #stuck = create("span", { class: "tag plain", title: "All new connections go here" }, "in use");
  #health = create("span", { class: "health" });
  #cause = create("div", { class: "minor cause" });
  #weight = cell("Weight");
  #connections = cell("Connections");
  #connects = cell("Connects");
  #failures = cell("Failures");
  #switch;
  element;

  /**
   * @param {string} group
   * @param {string} address
   * @param {SetEndpoint} setEndpoint
   */
  constructor(group, address, setEndpoint) {
    this.#switch = new EndpointSwitch(group, address, setEndpoint);
    this.element = create(
      "tr",
      {},
      create("th", { scope: "row" }, this.#address, this.#tier, this.#stuck),
      create("td", { "data-label": "Health" }, this.#health, this.#cause),
      this.#weight,
      this.#connections,
      this.#connects,
      this.#failures,
      create("td", { class: "switch" }, this.#switch.element),
    );
  }

  /** @param {Item} item */
  update({ group, endpoint }) {
    if (endpoint === undefined) return;
    const { address, state, tier, weight, active, max_connections, connects, failures, check } = endpoint;
    setText(this.#address, address);
    setText(this.#tier, `tier ${tier}`);
    setHidden(this.#tier, tier === 0);
    setHidden(this.#stuck, group.stick !== address);
    setText(this.#health, state);
    setAttribute(this.#health, "data-health", state);
    setAttribute(this.#health, "title", check && `last check: ${check.cause}`);
    // The cause of an unusable endpoint has a line of its own.
    const cause = check !== null && check.result !== "good" ? check.cause : "";
    setText(this.#cause, cause);
    setHidden(this.#cause, cause === "");
    setText(this.#weight, String(weight));
    setText(
      this.#connections,
      max_connections === null
        ? formatCount(active)
        : `${formatCount(active)} of ${formatCount(max_connections)}`,
    );
    setAttribute(this.#connections, "data-full", active === max_connections ? "" : null);
    setText(this.#connects, formatCount(connects));
    setText(this.#failures, formatCount(failures));
    setAttribute(this.element, "data-usable", isUsable(endpoint) ? null : "none");
    this.#switch.update(endpoint);
  }
}

/**
 * When a source last answered: `which answered 4.0 s ago`.
 * @param {DiscoveryView} discovery
 * @param {number} now in milliseconds since 1970
 */
function answerOf({ last_success }, now) {
  if (last_success === null) return "which has not answered yet";
  return `which answered ${formatDuration(now - Date.parse(last_success))} ago`;
}

/** @param {EndpointView} endpoint */
function isUsable({ state, admin }) {
  return admin === "up" && (state === "up" || state === "unknown");
}

/** @param {string} label for narrow windows, where the table has no columns */
function cell(label) {
  return create("td", { class: "number", "data-label": label });
}
