/** The faults that services can have, and requests that change those of a service. */

/** @import { Api } from "../api.js" */
/** @import { FaultsView, FaultView } from "../../views.ts" */

export class Faults {
  #api;
  /** @type {FaultsView} as long as nothing is known, there are none */
  view = { enabled: false, seed: "", types: [], triggers: [] };

  /** @param {Api} api */
  constructor(api) {
    this.#api = api;
  }

  /** Every method throws an ApiError if the request fails. */
  async load() {
    const response = await this.#api.request("faults");
    this.view = await response.json();
  }

  /**
   * @param {string} service
   * @param {unknown} fault
   * @returns {Promise<FaultView>}
   */
  async add(service, fault) {
    const response = await this.#api.request(pathTo(service), { method: "POST", body: fault });
    return await response.json();
  }

  /**
   * @param {string} service
   * @param {string} name
   * @param {unknown} changes
   * @returns {Promise<FaultView>}
   */
  async change(service, name, changes) {
    const response = await this.#api.request(pathTo(service, name), { method: "PATCH", body: changes });
    return await response.json();
  }

  /**
   * @param {string} service
   * @param {string} name
   */
  async remove(service, name) {
    await this.#api.request(pathTo(service, name), { method: "DELETE" });
  }
}

/** @param {readonly string[]} names of the service, and of the fault */
function pathTo(...names) {
  const [service = "", ...fault] = names.map((name) => encodeURIComponent(name));
  return ["services", service, "faults", ...fault].join("/");
}
