/** A button for what cannot be undone: the first press asks, a second one within a few seconds does it. */

import { create, setAttribute, setText } from "./element.js";

/** How long the question stands, in milliseconds. */
const PATIENCE = 4000;

/**
 * True while a button inside an element asks.
 * @param {Element} element
 */
export function isAsked(element) {
  return element.querySelector("button.asks") !== null;
}

export class ConfirmButton {
  element = create("button", { type: "button", class: "confirm" });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #asking;
  #label;
  #description;

  /**
   * @param {object} options
   * @param {string} options.label
   * @param {string} options.description the same in full, for those who do not see where the button is
   * @param {() => boolean} [options.needsConfirmation] always, unless given
   * @param {() => Promise<void>} options.onConfirm the button is off meanwhile
   */
  constructor({ label, description, needsConfirmation = () => true, onConfirm }) {
    this.#label = label;
    this.#description = description;
    this.#show();
    this.element.addEventListener("click", (event) => {
      if (this.element.ariaDisabled === "true") return;
      if (this.#asking !== undefined) {
        // The second half of a double click is no answer.
        if (event.detail < 2) this.#act(onConfirm);
      } else if (needsConfirmation()) this.#ask();
      else this.#act(onConfirm);
    });
    this.element.addEventListener("blur", () => this.#withdraw());
    this.element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || this.#asking === undefined) return;
      event.stopPropagation();
      this.#withdraw();
    });
  }

  #ask() {
    this.#asking = setTimeout(() => this.#withdraw(), PATIENCE);
    this.#show();
  }

  #withdraw() {
    clearTimeout(this.#asking);
    this.#asking = undefined;
    this.#show();
  }

  /** @param {() => Promise<void>} onConfirm */
  async #act(onConfirm) {
    this.#withdraw();
    setAttribute(this.element, "aria-disabled", "true");
    try {
      await onConfirm();
    } finally {
      setAttribute(this.element, "aria-disabled", null);
    }
  }

  #show() {
    const asks = this.#asking !== undefined;
    if (asks !== this.element.classList.contains("asks")) this.element.classList.toggle("asks");
    setText(this.element, asks ? "Sure?" : this.#label);
    setAttribute(this.element, "aria-label", asks ? `Really ${this.#description}?` : this.#description);
    setAttribute(
      this.element,
      "title",
      asks ? "Press again to do it, Escape to leave it" : this.#description,
    );
  }
}
