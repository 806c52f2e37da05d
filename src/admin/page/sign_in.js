/** The form that asks for the token. */

import { byId, setHidden, setText } from "./parts/element.js";

/** The characters that both an HTTP header and the configuration allow. */
const TOKEN = /^[!-~]+$/;

export class SignIn {
  #form = byId("sign-in", HTMLFormElement);
  #input = byId("token", HTMLInputElement);
  #error = byId("token-error", HTMLParagraphElement);

  /** @param {(token: string) => void} onToken */
  constructor(onToken) {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      const token = this.#input.value.trim();
      if (TOKEN.test(token)) onToken(token);
      else setText(this.#error, "A token has no spaces and only ASCII characters.");
    });
  }

  /** @param {boolean} wasWrong the last token was refused */
  ask(wasWrong) {
    setHidden(this.#form, false);
    setText(this.#error, wasWrong ? "Wrong token." : "");
    this.#input.select();
    this.#input.focus();
  }

  close() {
    setHidden(this.#form, true);
    setText(this.#error, "");
    this.#input.value = "";
  }
}
