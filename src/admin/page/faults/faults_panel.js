/** The row below a service with its faults: they are added, switched, changed and removed here. */

import { create, setHidden } from "../parts/element.js";
import { FaultForm } from "./fault_form.js";
import { FaultRow } from "./fault_row.js";
import { KeyedElements } from "../parts/keyed_elements.js";

/** @import { FaultView, ServiceView } from "../../views.ts" */
/** @import { Faults } from "./faults.js" */
/** @import { Item } from "./fault_row.js" */

/**
 * @typedef {object} FaultListener
 * @property {(text: string) => void} onDone
 * @property {(error: unknown) => void} onError
 */

const COLUMNS = 7;

export class ServiceFaults {
  #service;
  #faults;
  #listener;
  /** @type {readonly FaultView[]} as last seen or changed */
  #list = [];
  #items = create("ul", { class: "fault-list" });
  #add = create("button", { type: "button" }, "Add fault");
  #panel = create("div", { class: "fault-panel" }, this.#items, this.#add);
  #rows;
  /** @type {FaultForm | undefined} */
  #form;
  element = create("tr", { class: "faults" }, create("td", { colspan: String(COLUMNS) }, this.#panel));

  /**
   * @param {string} service
   * @param {Faults} faults
   * @param {FaultListener} listener
   */
  constructor(service, faults, listener) {
    this.#service = service;
    this.#faults = faults;
    this.#listener = listener;
    this.#add.setAttribute("aria-label", `Add fault to ${service}`);
    this.#items.setAttribute("aria-label", `Faults of ${service}`);
    this.#add.addEventListener("click", () => this.#open(undefined));
    this.#rows = new KeyedElements(
      this.#items,
      (/** @type {Item} */ { fault }) => JSON.stringify([fault.name, fault.type]),
      ({ fault }) =>
        new FaultRow(service, fault, {
          onSwitch: (fault, isEnabled) => this.#switch(fault, isEnabled),
          onChange: (fault) => this.#open(fault),
          onRemove: (fault) => this.#remove(fault),
        }),
    );
  }

  /** @param {{ service: Pick<ServiceView, "faults"> }} item */
  update({ service }) {
    this.#list = service.faults;
    this.#rows.update(this.#list.map((fault) => ({ fault, view: this.#faults.view })));
    setHidden(this.#items, this.#list.length === 0);
  }

  /** @param {FaultView | undefined} fault the one to change; undefined to add one */
  #open(fault) {
    const opener = document.activeElement;
    this.#form?.element.remove();
    const close = () => {
      form.element.remove();
      this.#form = undefined;
      setHidden(this.#add, false);
      const next = opener instanceof HTMLElement && opener.isConnected ? opener : this.#add;
      next.focus();
    };
    const form = this.#form = new FaultForm({
      service: this.#service,
      view: this.#faults.view,
      ...fault !== undefined && { fault },
      onSubmit: async (values) => {
        await (fault === undefined ? this.#create(values) : this.#change(fault, values));
        close();
      },
      onCancel: close,
      onError: this.#listener.onError,
    });
    setHidden(this.#add, true);
    this.#panel.append(form.element);
    form.focus();
  }

  /** @param {Record<string, unknown>} values */
  async #create(values) {
    const added = await this.#faults.add(this.#service, values);
    this.#show([...this.#list.filter(({ name }) => name !== added.name), added]);
    this.#listener.onDone(`${added.name} is added to ${this.#service}.`);
  }

  /**
   * @param {FaultView} fault
   * @param {Record<string, unknown>} changes
   */
  async #change({ name }, changes) {
    const changed = await this.#faults.change(this.#service, name, changes);
    this.#show(this.#list.map((each) => each.name === name ? changed : each));
    this.#listener.onDone(`${name} of ${this.#service} is changed.`);
  }

  /**
   * @param {FaultView} fault
   * @param {boolean} enabled
   */
  async #switch({ name }, enabled) {
    try {
      const changed = await this.#faults.change(this.#service, name, { enabled });
      this.#show(this.#list.map((each) => each.name === name ? changed : each));
      this.#listener.onDone(`${name} of ${this.#service} is ${enabled ? "on" : "off"}.`);
    } catch (error) {
      this.#listener.onError(error);
    }
  }

  /** @param {FaultView} fault */
  async #remove({ name }) {
    try {
      await this.#faults.remove(this.#service, name);
      const hadFocus = this.#items.contains(document.activeElement);
      this.#show(this.#list.filter((each) => each.name !== name));
      if (hadFocus && !this.#items.contains(document.activeElement)) this.#add.focus();
      this.#listener.onDone(`${name} is removed from ${this.#service}.`);
    } catch (error) {
      this.#listener.onError(error);
    }
  }

  /** @param {readonly FaultView[]} faults */
  #show(faults) {
    this.update({ service: { faults } });
  }
}
