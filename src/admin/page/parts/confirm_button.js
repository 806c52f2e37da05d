/** A button for irreversible actions: the first press asks, a second one within a few seconds confirms. */

import { create, setAttribute, setText } from "./element.js";

/** The time limit for the second press, in milliseconds. */
const CONFIRM_TIMEOUT = 4000;

/**
 * Whether a button inside an element waits for its second press.
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
   * @param {string} options.description the full text, for screen readers
   * @param {() => boolean} [options.needsConfirmation] always by default
   * @param {() => Promise<void>} options.onConfirm the button is disabled meanwhile
   */
  constructor({ label, description, needsConfirmation = () => true, onConfirm }) {
    this.#label = label;
    this.#description = description;
    this.#show();
    this.element.addEventListener("click", (event) => {
      if (this.element.ariaDisabled === "true") return;
      if (this.#asking !== undefined) {
        // The second half of a double click does not confirm.
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
    this.#asking = setTimeout(() => this.#withdraw(), CONFIRM_TIMEOUT);
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
      asks ? "Press again to confirm, Escape to cancel" : this.#description,
    );
  }
}
