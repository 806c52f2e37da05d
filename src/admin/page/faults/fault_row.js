/** A fault of a service: what it does, on how many connections it has acted, and its buttons. */

import { ConfirmButton } from "../parts/confirm_button.js";
import { create, setAttribute, setHidden, setText } from "../parts/element.js";
import { describeFault, keysOf } from "./fault_keys.js";
import { formatAmount } from "../parts/format.js";

/** @import { FaultsView, FaultView } from "../../views.ts" */

/**
 * @typedef {object} FaultButtons
 * @property {(fault: FaultView, isEnabled: boolean) => Promise<void>} onSwitch
 * @property {(fault: FaultView) => void} onChange
 * @property {(fault: FaultView) => Promise<void>} onRemove
 */

/** @typedef {{ fault: FaultView, view: FaultsView }} Item */

export class FaultRow {
  #name = create("span", { class: "name" });
  #configured = create(
    "span",
    { class: "tag", title: "A reload brings it back as it is in the configuration" },
    "configured",
  );
  #settings = create("span", { class: "settings" });
  #applied = create("span", { class: "minor applied" });
  #on;
  #off;
  #change;
  element;
  #fault;

  /**
   * @param {string} service
   * @param {FaultView} fault
   * @param {FaultButtons} buttons
   */
  constructor(service, fault, { onSwitch, onChange, onRemove }) {
    const { name, type } = this.#fault = fault;
    const what = `${name} of ${service}`;
    this.#on = switchButton("On", () => onSwitch(this.#fault, true));
    this.#off = switchButton("Off", () => onSwitch(this.#fault, false));
    this.#change = create("button", { type: "button", "aria-label": `Change ${what}` }, "Change");
    this.#change.addEventListener("click", () => onChange(this.#fault));
    const remove = new ConfirmButton({
      label: "Remove",
      description: `remove ${what}`,
      onConfirm: () => onRemove(this.#fault),
    });
    setText(this.#name, name);
    this.element = create(
      "li",
      {},
      create("span", { class: "what" }, this.#name, this.#configured),
      create("span", { class: "does" }, create("span", { class: "type" }, type), " ", this.#settings),
      this.#applied,
      create(
        "span",
        { class: "line" },
        create("span", { class: "segments", role: "group", "aria-label": what }, this.#on, this.#off),
        this.#change,
        remove.element,
      ),
    );
  }

  /** @param {Item} item */
  update({ fault, view }) {
    this.#fault = fault;
    const { enabled, configured, applied } = fault;
    setAttribute(this.element, "data-enabled", String(enabled));
    setHidden(this.#configured, !configured);
    const { settings, triggers } = keysOf(view, fault.type);
    setHidden(this.#change, settings.length + triggers.length === 0);
    setText(this.#settings, describeFault(view, fault));
    setText(this.#applied, triggers.length === 0 ? "" : appliedTo(applied));
    setAttribute(this.#on, "aria-pressed", String(enabled));
    setAttribute(this.#off, "aria-pressed", String(!enabled));
  }
}

/**
 * @param {string} label
 * @param {() => Promise<void>} onPress
 */
function switchButton(label, onPress) {
  const button = create("button", { type: "button" }, label);
  button.addEventListener("click", async () => {
    if (button.ariaDisabled === "true" || button.ariaPressed === "true") return;
    setAttribute(button, "aria-disabled", "true");
    await onPress();
    setAttribute(button, "aria-disabled", null);
  });
  return button;
}

/** @param {number} connections */
function appliedTo(connections) {
  return connections === 0 ? "not applied yet" : `applied to ${formatAmount(connections, "connection")}`;
}
