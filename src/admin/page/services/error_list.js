/** The errors of a service with their counts; rare ones are folded. */

import { arrange, create, setAttribute, setText } from "../parts/element.js";
import { formatCount, formatReason } from "../parts/format.js";
import { errorsOf } from "./service_errors.js";

/** @import { ServiceView } from "../../views.ts" */

/** The number of reasons shown when folded. */
const SHORT = 2;

const TITLES = {
  failed: "Did not reach an upstream",
  refused: "Refused by access rules or limits",
  broken: "Relayed, then ended for this reason",
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
    // Keeps the button element, because it may have the focus.
    arrange(this.element, errors.length > SHORT ? [...items, this.#last] : items);
  }
}
