/** Runs `sluice top`: turns figures and keys into screens. */

import { setTimeout as pause } from "node:timers/promises";
import { amountOf } from "../../config/values/amount.ts";
import type { AdminEvent } from "../../admin/views.ts";
import type { ConnectionOrder } from "../admin/order.ts";
import { type AdminClient, PAGE_LIMIT } from "../admin/client.ts";
import { parseFault } from "../../config/input/quick.ts";
import { AdminError } from "../admin/error.ts";
import { printable } from "../format/printable.ts";
import { connectionRowsIn, frame, type Size } from "./frame.ts";
import { type Action, type Key, press } from "./keys.ts";
import {
  initialState,
  type TopState,
  withFaults,
  withFaultsEnabled,
  withReading,
  withRows,
  withStats,
} from "./state.ts";
import type { Screen } from "./terminal.ts";

/** How often the size of the terminal is read, in milliseconds. */
const SIZE_INTERVAL = 250;

/** Seconds between two attempts to reach the proxy: doubled each time, up to the limit. */
const FIRST_RETRY = 1;
const LAST_RETRY = 8;

export class TopSession {
  readonly #client: AdminClient;
  readonly #screen: Screen;
  readonly #over = new AbortController();
  readonly #ended = Promise.withResolvers<void>();
  #state: TopState;
  #size: Size;
  #isReading = false;
  /** Whether the list must be read again, because order or offset changed meanwhile. */
  #isOutOfDate = false;

  constructor(client: AdminClient, screen: Screen, order: ConnectionOrder) {
    this.#client = client;
    this.#screen = screen;
    this.#state = initialState(order);
    this.#size = screen.size();
  }

  /** Runs until the user quits. Shows an outage and reconnects. */
  async run(): Promise<void> {
    this.#screen.listen((key) => this.#guarded(() => this.#press(key)), () => this.quit());
    const look = setInterval(() => this.#guarded(() => this.#resize()), SIZE_INTERVAL);
    const following = this.#follow().catch((error) => this.#fail(error));
    try {
      this.#update(this.#state);
      await this.#ended.promise;
    } finally {
      clearInterval(look);
      this.#over.abort();
      this.#client[Symbol.dispose]();
      await following;
    }
  }

  quit(): void {
    this.#ended.resolve();
  }

  async #follow(): Promise<void> {
    for (let retryIn = FIRST_RETRY; !this.#over.signal.aborted; retryIn = Math.min(2 * retryIn, LAST_RETRY)) {
      let reason = "connection ended";
      try {
        for await (const event of this.#client.events()) {
          retryIn = FIRST_RETRY;
          this.#onEvent(event);
        }
      } catch (error) {
        if (!(error instanceof AdminError)) throw error;
        reason = error.reason;
      }
      if (this.#over.signal.aborted) return;
      this.#update({ ...this.#state, outage: { reason, retryIn } });
      await pause(retryIn * 1000, undefined, { signal: this.#over.signal }).catch(() => {});
    }
  }

  #onEvent(event: AdminEvent): void {
    switch (event.type) {
      case "stats":
        if (this.#state.stats === undefined || this.#state.outage !== undefined) this.#readFaultTypes();
        this.#update(withStats(this.#state, event));
        if (!this.#state.isPaused) this.#read();
        return;
      case "endpoint":
        return this.#notice(`${event.upstream}: ${event.endpoint} is ${event.state}: ${event.reason}`);
      case "reload":
        this.#readFaultTypes();
        return this.#notice(`Reload: ${event.detail}`);
      case "drain":
        return this.#notice(`Draining: ${amountOf(event.open, "connection")} open`);
    }
  }

  #press(key: Key): void {
    const before = this.#state;
    const { state, action } = press(before, key);
    this.#update(state);
    if (action !== undefined) void this.#act(action).catch((error) => this.#fail(error));
    if (state.order !== before.order || state.offset !== before.offset) this.#read();
  }

  async #act(action: Action): Promise<void> {
    switch (action.kind) {
      case "quit":
        return this.quit();
      case "kill":
        return await this.#kill(action.id);
      case "addFault":
        return await this.#addFault(action.service, action.text);
      case "setFault": {
        const { service, name, enabled } = action;
        await this.#changeFaults(service, `change ${name}`, async () => {
          await this.#client.changeFault(service, name, { enabled });
          return `${name} is ${enabled ? "on" : "off"}`;
        });
        return;
      }
      case "removeFault": {
        const { service, name } = action;
        await this.#changeFaults(service, `remove ${name}`, async () => {
          await this.#client.removeFault(service, name);
          return `Removed ${name}`;
        });
        return;
      }
    }
  }

  /** Adds what was typed; if it is refused, shows why and lets it be corrected. */
  async #addFault(service: string, text: string): Promise<void> {
    const isDone = await this.#changeFaults(service, "add the fault", async () => {
      const fault = parseFault(text, (message) => {
        throw new AdminError("bad_fault", message);
      });
      const { name } = await this.#client.addFault(service, fault);
      return `Added ${name}`;
    });
    if (isDone || this.#state.mode.kind !== "faults") return;
    this.#update({ ...this.#state, mode: { kind: "addFault", service, text } });
  }

  /** Whether it succeeded. @param change Returns what it did, in words. */
  async #changeFaults(service: string, what: string, change: () => Promise<string>): Promise<boolean> {
    try {
      this.#notice(await change());
      this.#update(withFaults(this.#state, service, await this.#client.faults(service)));
      return true;
    } catch (error) {
      if (!(error instanceof AdminError)) throw error;
      this.#notice(`Cannot ${what}: ${error.message}`);
      return false;
    }
  }

  #readFaultTypes(): void {
    void this.#client.faultTypes()
      .then(({ enabled }) => this.#update(withFaultsEnabled(this.#state, enabled)))
      // The event stream reports outages; a proxy of an older version has no faults.
      .catch((error) => error instanceof AdminError || this.#fail(error));
  }

  async #kill(id: number): Promise<void> {
    try {
      const isClosed = await this.#client.kill(id);
      this.#notice(isClosed ? `Closed connection ${id}` : `Connection ${id} had already ended`);
      this.#read();
    } catch (error) {
      if (!(error instanceof AdminError)) throw error;
      this.#notice(`Cannot close connection ${id}: ${error.message}`);
    }
  }

  /** Requests the connections to show; one request at a time. */
  #read(): void {
    this.#isOutOfDate = this.#isReading;
    if (this.#isReading) return;
    this.#isReading = true;
    void this.#readPage().catch((error) => this.#fail(error)).finally(() => {
      this.#isReading = false;
      if (this.#isOutOfDate && !this.#over.signal.aborted) this.#read();
    });
  }

  async #readPage(): Promise<void> {
    const { order, offset, rows } = this.#state;
    try {
      const page = await this.#client.connections({ ...order, offset, limit: Math.min(rows, PAGE_LIMIT) });
      const isWanted = this.#state.order === order && this.#state.offset === offset;
      if (isWanted) this.#update(withReading(this.#state, { page, at: performance.now() }));
    } catch (error) {
      // The event stream reports outages.
      if (!(error instanceof AdminError)) throw error;
      if (error.code !== "unreachable") this.#notice(error.message);
    }
  }

  #resize(): void {
    const { columns, rows } = this.#screen.size();
    if (columns === this.#size.columns && rows === this.#size.rows) return;
    this.#size = { columns, rows };
    this.#update(this.#state);
    this.#read();
  }

  #notice(text: string): void {
    this.#update({ ...this.#state, notice: printable(text) });
  }

  #update(state: TopState): void {
    if (this.#over.signal.aborted) return;
    this.#state = withRows(state, connectionRowsIn(state, this.#size));
    this.#screen.draw(frame(this.#state, this.#size));
  }

  /** An error in a timer or a key handler must end {@linkcode run}, so that the terminal is restored. */
  #guarded(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    this.#ended.reject(error);
  }
}
