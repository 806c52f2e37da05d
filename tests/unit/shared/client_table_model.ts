/** A model of the table of clients: a map, and a bucket of tokens for each client. */

import type { Admission, ClientLimits } from "../../../src/shared/client_table.ts";

/** Models a table so small that a search visits all places. */
export class ClientTableModel {
  readonly #places: number;
  readonly #limits: ClientLimits;
  /** Open connections by thread; tokens in thousandths, which are whole numbers. */
  readonly #clients = new Map<string, { open: number[]; tokens: number }>();

  constructor(places: number, limits: ClientLimits) {
    this.#places = places;
    this.#limits = limits;
  }

  pass(milliseconds: number): void {
    for (const client of this.#clients.values()) {
      client.tokens = Math.min(client.tokens + milliseconds * (this.#limits.rate?.rate ?? 0), this.#full);
    }
  }

  enter(address: string, thread = 0): Admission {
    const { connections, rate } = this.#limits;
    const client = this.#clients.get(address) ?? { open: [], tokens: this.#full };
    const busy = [...this.#clients].filter(([other, { open, tokens }]) =>
      other !== address && (sumOf(open) > 0 || tokens < this.#full)
    );
    if (busy.length >= this.#places) return "table_full";
    if (connections > 0 && sumOf(client.open) >= connections) return "too_many";
    if (rate !== undefined && client.tokens < 1000) return "too_fast";
    client.open[thread] = (client.open[thread] ?? 0) + 1;
    if (rate !== undefined) client.tokens -= 1000;
    this.#clients.set(address, client);
    return "ok";
  }

  leave(address: string, thread = 0): boolean {
    const client = this.#clients.get(address);
    const open = client?.open[thread] ?? 0;
    if (client === undefined || open === 0) return false;
    client.open[thread] = open - 1;
    return true;
  }

  reclaimWorker(thread: number): void {
    for (const { open } of this.#clients.values()) delete open[thread];
  }

  get #full(): number {
    return (this.#limits.rate?.burst ?? 0) * 1000;
  }
}

function sumOf(open: readonly number[]): number {
  return open.reduce((sum, count) => sum + count, 0);
}
