/** A key of a fault in a form: label, input, explanation, and what is wrong with its value. */

import { create, setAttribute, setText } from "../parts/element.js";
import { textOf, valueOf } from "./fault_keys.js";

/** @import { FaultKeyView } from "../../views.ts" */

let lastId = 0;

export class FaultField {
  key;
  element;
  #input;
  #problem;
  /** What it has when nothing was changed. */
  #initial;

  /**
   * @param {FaultKeyView} key
   * @param {unknown} value of the fault before the change; undefined if it has none
   */
  constructor(key, value) {
    this.key = key;
    const id = `fault-field-${++lastId}`;
    this.#input = key.choices === null ? textInput(key) : choiceInput(key.choices);
    this.#initial = textOf(value ?? (key.choices === null ? null : key.default));
    this.#input.value = this.#initial;
    this.#input.id = id;
    setAttribute(this.#input, "name", key.name);
    setAttribute(this.#input, "aria-describedby", `${id}-hint ${id}-problem`);
    if (key.required) setAttribute(this.#input, "aria-required", "true");
    this.#problem = create("p", { class: "problem", id: `${id}-problem` });
    this.element = create(
      "div",
      { class: "field" },
      create("label", { for: id }, key.name),
      this.#input,
      create("p", { class: "minor", id: `${id}-hint` }, hintOf(key)),
      this.#problem,
    );
    this.#input.addEventListener("input", () => this.showProblem(""));
  }

  /** Whether the user changed it. */
  get isChanged() {
    return this.#input.value !== this.#initial;
  }

  /** Null if it is empty. */
  get value() {
    return valueOf(this.key, this.#input.value);
  }

  /** @param {string} text "" for none */
  showProblem(text) {
    setText(this.#problem, text);
    setAttribute(this.#input, "aria-invalid", text === "" ? null : "true");
  }

  focus() {
    this.#input.focus();
  }
}

/** @param {FaultKeyView} key */
function textInput({ default: preset, required }) {
  const placeholder = required ? "required" : textOf(preset);
  return create("input", { type: "text", autocomplete: "off", spellcheck: "false", placeholder });
}

/** @param {readonly string[]} choices */
function choiceInput(choices) {
  return create("select", {}, ...choices.map((choice) => create("option", {}, choice)));
}

/** @param {FaultKeyView} key */
function hintOf({ description, expected, choices }) {
  const isSaid = choices !== null || expected === "" || description.includes("such as");
  const form = isSaid ? "" : ` Takes ${expected}.`;
  return description.replaceAll("`", "") + form;
}
