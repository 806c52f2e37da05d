/** A service of the proxy, and its faults. */

import type { FaultView, ServiceView } from "../admin/views.ts";
import type { FaultOptions } from "../config/options.ts";
import { portOf } from "../runtime/library/named_services.ts";
import type { Api } from "./api.ts";

/** A fault that was added. */
export interface AddedFault extends AsyncDisposable {
  /** Its name in events, logs and metrics. */
  readonly name: string;
  /** The service that it is in. */
  readonly service: string;
  /** Changes some of its keys, also on open connections. */
  update(changes: Partial<FaultOptions>): Promise<void>;
  /** Removes it; what it held back leaves at once. */
  remove(): Promise<void>;
}

/** The faults of a service. */
export interface Faults {
  /** Adds a fault behind the others, also to open connections. */
  add(fault: FaultOptions): Promise<AddedFault>;
  /** All of them, in the order in which they act. */
  list(): Promise<readonly FaultView[]>;
  /** Removes the fault of this name. */
  remove(name: string): Promise<void>;
}

/** A service of the proxy. */
export interface SluiceService {
  readonly name: string;
  /** Where it listens, with the real ports. */
  readonly listen: readonly string[];
  /** The first of these. */
  readonly address: string;
  /** The port of the first that has one. */
  readonly port: number;
  readonly faults: Faults;
  /** Refuses clients, and closes open connections. */
  down(): Promise<void>;
  /** Listens on the same port again. */
  up(): Promise<void>;
  /** What it has counted. */
  figures(): Promise<ServiceView>;
}

export class Service implements SluiceService {
  readonly name: string;
  readonly listen: readonly string[];
  readonly #api: Api;

  constructor(api: Api, { name, listen }: { readonly name: string; readonly listen: readonly string[] }) {
    this.name = name;
    this.listen = listen;
    this.#api = api;
  }

  get address(): string {
    return this.listen[0]!;
  }

  get port(): number {
    return portOf(this);
  }

  get faults(): Faults {
    return {
      add: async (fault) =>
        this.#handle((await this.#api.ask<{ readonly name: string }>("POST", this.#path, fault)).name),
      list: () => this.#list(),
      remove: (name) => this.#remove(name),
    };
  }

  async down(): Promise<void> {
    const all = await this.#list();
    if (!all.some(({ type }) => type === "down")) await this.#api.ask("POST", this.#path, { type: "down" });
  }

  async up(): Promise<void> {
    for (const { type, name } of await this.#list()) if (type === "down") await this.#remove(name);
  }

  async figures(): Promise<ServiceView> {
    const services = await this.#api.ask<readonly ServiceView[]>("GET", "/services");
    return services.find(({ name }) => name === this.name)!;
  }

  get #path(): string {
    return `/services/${encodeURIComponent(this.name)}/faults`;
  }

  #pathOf(fault: string): string {
    return `${this.#path}/${encodeURIComponent(fault)}`;
  }

  #list(): Promise<readonly FaultView[]> {
    return this.#api.ask("GET", this.#path);
  }

  async #remove(name: string): Promise<void> {
    await this.#api.ask("DELETE", this.#pathOf(name));
  }

  #handle(name: string): AddedFault {
    const remove = () => this.#remove(name);
    return {
      name,
      service: this.name,
      update: async (changes) => {
        await this.#api.ask("PATCH", this.#pathOf(name), changes);
      },
      remove,
      [Symbol.asyncDispose]: remove,
    };
  }
}
