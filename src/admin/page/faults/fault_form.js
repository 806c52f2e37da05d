/** The form that adds a fault to a service, or changes one. */

import { ApiError } from "../api.js";
import { create, setAttribute, setText } from "../parts/element.js";
import { FaultField } from "./fault_field.js";
import { keysOf, NAME_KEY } from "./fault_keys.js";

/** @import { FaultsView, FaultView } from "../../views.ts" */

export class FaultForm {
  element = create("form", { class: "fault-form", novalidate: "" });
  #view;
  #fault;
  #type;
  #summary = create("p", { class: "minor" });
  #fields = create("div", { class: "fields" });
  #triggers = create("div", { class: "fields" });
  #more = create("details", {}, create("summary", {}, "Which connections, and when"), this.#triggers);
  #problem = create("p", { class: "problem", role: "alert" });
  #submit;
  #onError;
  /** @type {FaultField[]} */
  #all = [];

  /**
   * @param {object} options
   * @param {string} options.service
   * @param {FaultsView} options.view
   * @param {FaultView} [options.fault] the one to change; undefined to add one
   * @param {(values: Record<string, unknown>) => Promise<void>} options.onSubmit throws an ApiError if it is refused
   * @param {() => void} options.onCancel
   * @param {(error: unknown) => void} options.onError for errors that do not concern the values
   */
  constructor({ service, view, fault, onSubmit, onCancel, onError }) {
    this.#view = view;
    this.#onError = onError;
    this.#fault = fault;
    this.#type = create("select", { "aria-label": "Type", name: "type" });
    this.#type.append(...view.types.map(({ type }) => create("option", {}, type)));
    this.#type.addEventListener("change", () => this.#showFields());
    this.#submit = create(
      "button",
      { type: "submit", class: "primary" },
      fault === undefined ? "Add" : "Change",
    );
    const cancel = create("button", { type: "button" }, "Cancel");
    cancel.addEventListener("click", onCancel);
    const title = fault === undefined ? `Add a fault to ${service}` : `Change ${fault.name} of ${service}`;
    setAttribute(this.element, "aria-label", title);
    this.element.append(
      create(
        "div",
        { class: "line" },
        create("span", { class: "name" }, fault === undefined ? "Type" : `Change ${fault.name}`),
        ...fault === undefined ? [this.#type] : [],
        this.#summary,
      ),
      this.#fields,
      this.#more,
      this.#problem,
      create("div", { class: "line" }, this.#submit, cancel),
    );
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send(onSubmit);
    });
    this.element.addEventListener("keydown", ({ key }) => key === "Escape" && onCancel());
    if (fault !== undefined) this.#type.value = fault.type;
    this.#showFields();
  }

  focus() {
    if (this.#fault === undefined) this.#type.focus();
    else this.#all[0]?.focus();
  }

  #showFields() {
    const { settings, triggers } = keysOf(this.#view, this.#type.value);
    const fieldOf = (/** @type {typeof NAME_KEY} */ key) => new FaultField(key, this.#fault?.[key.name]);
    const main = (this.#fault === undefined ? [...settings, NAME_KEY] : settings).map(fieldOf);
    const others = triggers.map(fieldOf);
    this.#all = [...main, ...others];
    this.#fields.replaceChildren(...main.map(({ element }) => element));
    this.#triggers.replaceChildren(...others.map(({ element }) => element));
    this.#more.hidden = others.length === 0;
    this.#more.open = triggers.some(({ name }) => this.#fault?.[name] !== undefined);
    setText(this.#problem, "");
    setText(this.#summary, this.#view.types.find(({ type }) => type === this.#type.value)?.summary ?? "");
  }

  /** @param {(values: Record<string, unknown>) => Promise<void>} onSubmit */
  async #send(onSubmit) {
    if (this.#submit.ariaDisabled === "true") return;
    setAttribute(this.#submit, "aria-disabled", "true");
    setText(this.#problem, "");
    for (const field of this.#all) field.showProblem("");
    try {
      const values = this.#all.filter(({ isChanged }) => isChanged).map((
        { key, value },
      ) => [key.name, value]);
      const type = this.#fault === undefined ? { type: this.#type.value } : {};
      await onSubmit({ ...type, ...Object.fromEntries(values) });
    } catch (error) {
      if (!(error instanceof ApiError) || error.isUnauthorised) this.#onError(error);
      else this.#showProblems(error);
    } finally {
      setAttribute(this.#submit, "aria-disabled", null);
    }
  }

  /**
   * Shows each problem beside the field that it is about, and focuses the first of them.
   * @param {ApiError} error
   */
  #showProblems({ code, message, problems }) {
    const about = code === "fault_exists" ? [{ path: "name", message }] : problems;
    const others = about.length === 0 ? [message] : [];
    /** @type {Set<FaultField>} */
    const wrong = new Set();
    for (const { path, message } of about) {
      const field = this.#all.find(({ key }) => key.name === /^\w*/.exec(path)?.[0]);
      if (field === undefined) others.push(`${path}: ${message}`);
      else {
        field.showProblem(message);
        wrong.add(field);
      }
    }
    setText(this.#problem, others.join("; "));
    const first = this.#all.find((field) => wrong.has(field));
    if ([...wrong].some(({ element }) => this.#triggers.contains(element))) this.#more.open = true;
    first?.focus();
  }
}
