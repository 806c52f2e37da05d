/** The line below the header that reports a problem. */

import { byId, setAttribute, setHidden, setText } from "./parts/element.js";

export class Banner {
  #element = byId("banner", HTMLDivElement);
  #retry = byId("retry", HTMLButtonElement);

  /** @param {() => void} onRetry */
  constructor(onRetry) {
    this.#retry.addEventListener("click", onRetry);
  }

  /**
   * @param {string} text
   * @param {"warning" | "bad"} tone
   * @param {boolean} [canRetry]
   */
  show(text, tone, canRetry = false) {
    setText(byId("banner-text", HTMLElement), text);
    setAttribute(this.#element, "data-tone", tone);
    setHidden(this.#retry, !canRetry);
    setHidden(this.#element, false);
  }

  hide() {
    setHidden(this.#element, true);
  }
}
