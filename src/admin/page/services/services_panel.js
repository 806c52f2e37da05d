/** The services with their rates. */

import { byId, create, setAttribute, setText } from "../parts/element.js";
import { ErrorList } from "./error_list.js";
import { ServiceFaults } from "../faults/faults_panel.js";
import { formatBytes, formatCount, formatFrequency, formatRate } from "../parts/format.js";
import { KeyedElements } from "../parts/keyed_elements.js";
import { Sparkline } from "./sparkline.js";

/** @import { ServiceView } from "../../views.ts" */
/** @import { Curves, Rate } from "./rates.js" */
/** @import { Faults } from "../faults/faults.js" */
/** @import { FaultListener } from "../faults/faults_panel.js" */

/** A certificate that expires sooner than this is shown as a warning, in milliseconds. */
const SOON = 21 * 86_400_000;

/**
 * A service and its rates.
 * @typedef {{ service: ServiceView, rate: Rate | undefined, curves: Curves }} Item
 */

/**
 * The row of a service, or below it the row with its faults.
 * @typedef {Item & { hasFaults: boolean }} RowItem
 */

/** @type {Curves} */
const NO_CURVES = [[], [], []];

export class ServicesPanel {
  /** @type {Set<Sparkline>} */
  #sparklines = new Set();
  #faults;
  #rows;

  /**
   * @param {Faults} faults
   * @param {FaultListener} listener
   */
  constructor(faults, listener) {
    this.#faults = faults;
    this.#rows = new KeyedElements(
      byId("services", HTMLTableSectionElement),
      (/** @type {RowItem} */ { service, hasFaults }) => JSON.stringify([service.name, hasFaults]),
      ({ service, hasFaults }) => {
        if (hasFaults) return new ServiceFaults(service.name, faults, listener);
        const row = new ServiceRow();
        this.#sparklines.add(row.sparkline);
        return row;
      },
    );
  }

  /**
   * @param {readonly ServiceView[]} services
   * @param {ReadonlyMap<string, { rate: Rate | undefined, curves: Curves }>} rates by the names of services
   */
  update(services, rates) {
    this.#rows.update(services.flatMap((service) => {
      const { rate, curves = NO_CURVES } = rates.get(service.name) ?? {};
      const item = { service, rate, curves };
      const row = { ...item, hasFaults: false };
      return this.#faults.view.enabled ? [row, { ...item, hasFaults: true }] : [row];
    }));
    for (const sparkline of this.#sparklines) {
      if (sparkline.element.isConnected) continue;
      sparkline.destroy();
      this.#sparklines.delete(sparkline);
    }
  }

  /** Redraws after a change of colours. */
  redraw() {
    for (const sparkline of this.#sparklines) sparkline.redraw();
  }
}

class ServiceRow {
  sparkline = new Sparkline();
  #name = create("span", { class: "name" });
  #tags = create("span", { class: "tags" });
  #way = create("span", { class: "minor address" });
  #active = figure("Connections");
  #fresh = figure("New per second");
  #upload = figure("Upload");
  #download = figure("Download");
  #errors = new ErrorList();
  element = create(
    "tr",
    {},
    create("th", { scope: "row" }, this.#name, this.#tags, this.#way),
    this.#active.cell,
    this.#fresh.cell,
    this.#upload.cell,
    this.#download.cell,
    create("td", { class: "curve" }, this.sparkline.element),
    create("td", { class: "errors", "data-label": "Errors" }, this.#errors.element),
  );

  /** @param {Item} item */
  update({ service, rate, curves }) {
    const { name, listen, upstreams, connections, bytes } = service;
    setText(this.#name, name);
    this.#showTags(service);
    setText(this.#way, `${listen.join(", ")} → ${upstreams.join(", ")}`);
    setAttribute(this.#way, "title", this.#way.textContent);
    this.#active.show(
      formatCount(connections.active),
      connections.limit === null ? "" : `of ${formatCount(connections.limit)}`,
    );
    setAttribute(this.#active.cell, "data-full", connections.active === connections.limit ? "" : null);
    this.#fresh.show(
      rate ? formatFrequency(rate.connections) : "–",
      `${formatCount(connections.total)} total`,
    );
    this.#upload.show(rate ? formatRate(rate.upload) : "–", formatBytes(bytes.upload));
    this.#download.show(rate ? formatRate(rate.download) : "–", formatBytes(bytes.download));
    this.sparkline.draw(curves);
    this.#errors.update(service);
  }

  /** @param {ServiceView} service */
  #showTags(service) {
    const tags = tagsOf(service);
    const state = JSON.stringify(tags);
    if (this.#tags.dataset["state"] === state) return;
    this.#tags.dataset["state"] = state;
    this.#tags.replaceChildren(
      ...tags.map(({ text, tone }) => create("span", { class: `tag ${tone}` }, text)),
    );
  }
}

/**
 * Two figures in one cell, one above the other.
 * @param {string} label for narrow windows, where the table has no columns
 */
function figure(label) {
  const major = create("span", { class: "major" });
  const minor = create("span", { class: "minor" });
  return {
    cell: create("td", { class: "number", "data-label": label }, major, minor),
    /**
     * @param {string} first
     * @param {string} second
     */
    show(first, second) {
      setText(major, first);
      setText(minor, second);
    },
  };
}

/** @param {ServiceView} service */
function tagsOf({ state, tls }) {
  const tags = state === "listening" ? [] : [{ text: state, tone: state === "down" ? "bad" : "warning" }];
  if (tls === null) return tags;
  const [first] = tls.certificates.map(({ expires_at }) => Date.parse(expires_at)).sort((a, b) => a - b);
  const left = first === undefined ? Infinity : first - Date.now();
  if (left > SOON) return [...tags, { text: "TLS", tone: "plain" }];
  if (left <= 0) return [...tags, { text: "TLS: certificate expired", tone: "bad" }];
  return [...tags, { text: `TLS: expires in ${Math.ceil(left / 86_400_000)} d`, tone: "warning" }];
}
