/** One line at the bottom of the window: the result of an action. */

import { byId, setText } from "./parts/element.js";

/** The time for which it is shown, in milliseconds. */
const STAY = 6000;

export class Notice {
  #element = byId("notice", HTMLParagraphElement);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {string} text
   * @param {"done" | "problem"} tone
   */
  show(text, tone) {
    clearTimeout(this.#timer);
    this.#element.dataset["tone"] = tone;
    setText(this.#element, text);
    this.#timer = setTimeout(() => setText(this.#element, ""), STAY);
  }
}
