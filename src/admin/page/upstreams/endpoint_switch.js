/** The switch for the admin state of an endpoint: up, drain or down. */

import { ConfirmButton } from "../parts/confirm_button.js";
import { create, setAttribute } from "../parts/element.js";

/** @import { EndpointView } from "../../views.ts" */

/** @typedef {(group: string, endpoint: string, admin: EndpointView["admin"]) => Promise<EndpointView | undefined>} SetEndpoint */

/** @type {{ admin: EndpointView["admin"], label: string, meaning: string }[]} */
const POSITIONS = [
  { admin: "up", label: "Up", meaning: "allow new connections" },
  { admin: "drain", label: "Drain", meaning: "no new connections" },
  { admin: "down", label: "Down", meaning: "no new connections, and close open ones" },
];

export class EndpointSwitch {
  element;
  #active = 0;
  /** @type {Map<EndpointView["admin"], HTMLButtonElement>} */
  #buttons = new Map();

  /**
   * @param {string} group
   * @param {string} endpoint
   * @param {SetEndpoint} setEndpoint
   */
  constructor(group, endpoint, setEndpoint) {
    this.element = create("div", { class: "segments", role: "group", "aria-label": `${group} ${endpoint}` });
    for (const { admin, label, meaning } of POSITIONS) {
      const { element } = new ConfirmButton({
        label,
        description: `${label} ${endpoint}: ${meaning}`,
        needsConfirmation: () => admin === "down" && this.#active > 0,
        onConfirm: async () => {
          const changed = await setEndpoint(group, endpoint, admin);
          if (changed !== undefined) this.update(changed);
        },
      });
      element.value = admin;
      this.#buttons.set(admin, element);
      this.element.append(element);
    }
  }

  /** @param {EndpointView} endpoint */
  update({ admin, active }) {
    this.#active = active;
    for (const [position, button] of this.#buttons) {
      setAttribute(button, "aria-pressed", String(position === admin));
    }
  }
}
