/** The errors of a service, each reason with its count; the rare ones on request. */

import { arrange, create, setAttribute, setText } from "./element.js";
import { formatCount, formatReason } from "./format.js";
import { errorsOf } from "./service_errors.js";

/** @import { ServiceView } from "../views.ts" */

/** How many reasons there is room for. */
const SHORT = 2;

const TITLES = {
  failed: "Let in, but the upstream was not reached",
  refused: "Not let in",
  broken: "Relayed, and ended for this reason",
};

export class ErrorList {
  element = create("ul", { class: "reasons" });
  #more = create("button", { type: "button" });
  #last = create("li", {}, this.#more);
  #state = "";
  #isLong = false;
  /** @type {ServiceView | undefined} */
  #service;

  constructor() {
    this.#more.addEventListener("click", () => {
      this.#isLong = !this.#isLong;
      if (this.#service !== undefined) this.update(this.#service);
    });
  }

  /** @param {ServiceView} service */
  update(service) {
    this.#service = service;
    const errors = errorsOf(service);
    const state = JSON.stringify([this.#isLong, errors]);
    if (this.#state === state) return;
    this.#state = state;
    const shown = this.#isLong ? errors : errors.slice(0, SHORT);
    const items = shown.map(({ kind, reason, count }) =>
      create("li", { title: TITLES[kind] }, `${formatReason(reason)} `, create("b", {}, formatCount(count)))
    );
    setText(this.#more, this.#isLong ? "less" : `${errors.length - SHORT} more`);
    setAttribute(this.#more, "aria-expanded", String(this.#isLong));
    // The button stays where it is, as it may have the focus.
    arrange(this.element, errors.length > SHORT ? [...items, this.#last] : items);
  }
}
