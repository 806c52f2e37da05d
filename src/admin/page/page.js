/** The page of the admin interface: reads the event stream and updates the parts of the page. */

import { Api, ApiError } from "./api.js";
import { Banner } from "./banner.js";
import { ConnectionsPanel } from "./connections/connections_panel.js";
import { byId, setHidden } from "./parts/element.js";
import { EventStream } from "./events/event_stream.js";
import { EventsPanel } from "./events/events_panel.js";
import { Faults } from "./faults/faults.js";
import { watchFilterKeys } from "./filter_keys.js";
import { formatClock } from "./parts/format.js";
import { Notice } from "./notice.js";
import { ProgramPanel } from "./program_panel.js";
import { Rates } from "./services/rates.js";
import { ServicesPanel } from "./services/services_panel.js";
import { SignIn } from "./sign_in.js";
import { watchTheme } from "./theme.js";
import { UpstreamsPanel } from "./upstreams/upstreams_panel.js";

/** @import { AdminEvent, EndpointView, StatsEvent } from "../views.ts" */

const TITLE = `sluice ${location.host}`;

class Page {
  #api = new Api();
  #rates = new Rates();
  #program = new ProgramPanel();
  #faults = new Faults(this.#api);
  #services = new ServicesPanel(this.#faults, {
    onDone: (text) => this.#notice.show(text, "done"),
    onError: (error) => this.#failed(error),
  });
  #upstreams = new UpstreamsPanel((...wish) => this.#setEndpoint(...wish));
  #connections = new ConnectionsPanel(this.#api, (id) => this.#kill(id), (error) => this.#failed(error));
  #events = new EventsPanel();
  #notice = new Notice();
  #banner = new Banner(() => this.#stream.start());
  #signIn = new SignIn((token) => this.#useToken(token));
  #stream = new EventStream(this.#api, {
    onEvent: (event) => this.#onEvent(event),
    onLost: (reason, retryAt) => this.#onLost(reason, retryAt),
    onUnauthorised: () => this.#onUnauthorised(),
  });
  /** @type {(() => void) | undefined} updates the page when it is visible again */
  #showLatest;
  #wasDraining = false;
  #areFaultsAsked = false;
  #updatedAt = "";
  #isLost = false;

  open() {
    watchTheme(byId("theme", HTMLFieldSetElement), () => this.#services.redraw());
    const filter = byId("filter", HTMLInputElement);
    watchFilterKeys(filter, [filter, byId("event-filter", HTMLInputElement)]);
    byId("forget-token", HTMLButtonElement).addEventListener("click", () => {
      this.#api.setToken("");
      this.#stream.start();
    });
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.#showLatest?.();
      this.#showLatest = undefined;
    });
    document.title = TITLE;
    this.#stream.start();
  }

  /** @param {AdminEvent} event */
  #onEvent(event) {
    if (event.type === "stats") return this.#onStats(event);
    this.#events.add(event);
    if (event.type === "reload") this.#loadFaults();
  }

  /** Whether faults are enabled changes only with a reload or a restart. */
  async #loadFaults() {
    try {
      await this.#faults.load();
      setHidden(byId("fault-events", HTMLElement), !this.#faults.view.enabled);
    } catch (error) {
      this.#failed(error);
    }
  }

  /** @param {StatsEvent} stats */
  #onStats(stats) {
    if (!this.#areFaultsAsked) this.#loadFaults();
    this.#areFaultsAsked = true;
    // While the page is hidden, only the curves are updated.
    const rates = this.#rates.add(stats);
    const show = () => {
      this.#showStatus(stats);
      this.#program.update(stats, rates.all);
      this.#services.update(stats.services, rates.services);
      this.#upstreams.update(stats);
      this.#connections.refresh();
    };
    if (document.hidden) this.#showLatest = show;
    else show();
  }

  /** @param {StatsEvent} stats */
  #showStatus({ time, status }) {
    this.#updatedAt = time;
    if (this.#isLost) this.#events.note("Connected again");
    this.#isLost = false;
    document.body.classList.remove("stale");
    document.title = TITLE;
    this.#signIn.close();
    setHidden(byId("main", HTMLElement), false);
    setHidden(byId("forget-token", HTMLElement), !this.#api.hasToken);
    this.#wasDraining = status.state === "draining";
    if (this.#wasDraining) {
      this.#banner.show(
        "Draining: it is not ready any more, and exits when its open connections have ended.",
        "warning",
      );
    } else if (!status.ready) {
      this.#banner.show(`Not ready: ${status.not_ready.join("; ")}`, "warning");
    } else this.#banner.hide();
  }

  /**
   * @param {string} reason
   * @param {number} retryAt
   */
  #onLost(reason, retryAt) {
    if (!this.#isLost) this.#events.note(`Disconnected: ${reason}`);
    this.#isLost = true;
    this.#areFaultsAsked = false;
    this.#showLatest = undefined;
    document.body.classList.add("stale");
    document.title = `Disconnected: ${TITLE}`;
    this.#program.showInstead("disconnected");
    const stopped = this.#wasDraining ? " It was draining, and has probably stopped." : "";
    const old = this.#updatedAt === "" ? "" : ` The figures are from ${formatClock(this.#updatedAt)}.`;
    this.#banner.show(`${reason}.${stopped}${old} Retrying at ${formatClock(retryAt)}.`, "bad", true);
  }

  #onUnauthorised() {
    const hadToken = this.#api.hasToken;
    this.#areFaultsAsked = false;
    this.#api.setToken("");
    this.#banner.hide();
    setHidden(byId("main", HTMLElement), true);
    setHidden(byId("forget-token", HTMLElement), true);
    this.#program.showInstead("token needed");
    this.#signIn.ask(hadToken);
  }

  /** @param {string} token */
  #useToken(token) {
    this.#api.setToken(token);
    this.#stream.start();
  }

  /** @param {number} id */
  async #kill(id) {
    try {
      await this.#api.request(`connections/${id}`, { method: "DELETE" });
      this.#notice.show(`Connection ${id} is closed.`, "done");
    } catch (error) {
      this.#failed(error);
    }
    this.#connections.refresh();
  }

  /**
   * @param {string} group
   * @param {string} endpoint
   * @param {EndpointView["admin"]} admin
   * @returns {Promise<EndpointView | undefined>} the endpoint after the change; undefined if it failed
   */
  async #setEndpoint(group, endpoint, admin) {
    try {
      const path = `upstreams/${encodeURIComponent(group)}/${encodeURIComponent(endpoint)}`;
      const response = await this.#api.request(path, { method: "POST", body: { state: admin } });
      this.#notice.show(`${group} ${endpoint} is set to ${admin}.`, "done");
      return await response.json();
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  /** @param {unknown} error */
  #failed(error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.isUnauthorised) {
      this.#stream.stop();
      this.#onUnauthorised();
    } else this.#notice.show(error.message, "problem");
  }
}

new Page().open();
