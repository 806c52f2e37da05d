/** Discovery with a name server and a clock that the test controls. */

import assert from "node:assert/strict";
import { formatAddress } from "../../../../../src/net/address.ts";
import {
  discover,
  type DiscoverOptions,
  type DnsEndpoint,
} from "../../../../../src/upstream/discovery/dns/discover.ts";
import type {
  AddressRecords,
  Resolver,
  ServiceRecord,
} from "../../../../../src/upstream/discovery/dns/resolver.ts";

import { DiscoveryState } from "../../../../../src/upstream/discovery/discovery_state.ts";

/** The TTL of addresses unless given, in milliseconds. */
const MINUTE = 60_000;

/** A discovery whose name server and time the test controls. */
export class Discovery implements AsyncDisposable {
  readonly dns = new FakeDns();
  readonly #options: DiscoverOptions;
  readonly #state = new DiscoveryState();
  readonly #random: number;
  readonly #stop = new AbortController();
  readonly #waits = new Set<{ until: number; end: () => void }>();
  #running: Promise<void> | undefined;
  #now = 0;
  #events: string[] = [];
  endpoints: (readonly DnsEndpoint[])[] = [];

  constructor(options: Partial<DiscoverOptions>, random = 0.5) {
    this.#random = random;
    this.#options = {
      dns: "a",
      interval: 10_000,
      entries: [],
      onEndpoints: (endpoints) => this.endpoints.push(endpoints),
      onError: (name, error) => {
        const { message } = error as Error;
        if (this.#state.failed(name, message)) this.#events.push(`${name}: ${message}`);
      },
      onForgotten: (name) => this.#state.forgotten(name),
      onAnswer: (name) => {
        if (this.#state.answered(name)) this.#events.push(`${name} is back`);
      },
      signal: this.#stop.signal,
      ...options,
    };
  }

  async start(): Promise<void> {
    this.#running = discover(this.#options, {
      resolver: this.dns,
      now: () => this.#now,
      wait: (milliseconds, signal) => this.#wait(milliseconds, signal),
      random: () => this.#random,
    });
    await turn();
  }

  async pass(milliseconds: number): Promise<void> {
    this.#now += milliseconds;
    for (const wait of this.#waits) if (wait.until <= this.#now) wait.end();
    await turn();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** The sets since the last call, each endpoint as `tier address weight w of entry`. */
  takeSets(): string[][] {
    const sets = this.endpoints.map((endpoints) =>
      endpoints.map(({ tier, address, weight, source }) =>
        `${tier} ${formatAddress(address)} weight ${weight} of ${source}`
      )
    );
    this.endpoints = [];
    return sets;
  }

  /** The reports about names since the last call. */
  takeEvents(): string[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    assert.equal(this.#waits.size, 0);
  }

  #wait(milliseconds: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wait = {
        until: this.#now + milliseconds,
        end: () => {
          this.#waits.delete(wait);
          resolve();
        },
      };
      this.#waits.add(wait);
      signal.addEventListener("abort", wait.end);
    });
  }
}

type Service = [priority: number, weight: number, port: number, target: string];

class FakeDns implements Resolver {
  readonly #addresses = new Map<string, AddressRecords | Error>();
  readonly #services = new Map<string, ServiceRecord[] | Error>();
  readonly #held = new Map<string, Promise<void>>();
  #queries: string[] = [];

  addresses(name: string): Promise<AddressRecords> {
    return this.#answer(name, this.#addresses);
  }

  services(name: string): Promise<ServiceRecord[]> {
    return this.#answer(name, this.#services);
  }

  setAddresses(name: string, records: Partial<AddressRecords>): void {
    this.#addresses.set(name, { v4: [], v6: [], ttl: MINUTE, ...records });
  }

  setServices(name: string, services: Service[]): void {
    const records = services.map(([priority, weight, port, target]) => ({ priority, weight, port, target }));
    this.#services.set(name, records);
  }

  fail(name: string, message: string): void {
    this.#addresses.set(name, new Error(message));
    this.#services.set(name, new Error(message));
  }

  /** Holds answers for the name until the returned function is called. */
  hold(name: string): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held.set(name, promise);
    return resolve;
  }

  /** The names queried since the last call. */
  takeQueries(): string[] {
    const queries = this.#queries;
    this.#queries = [];
    return queries;
  }

  async #answer<Records>(name: string, known: ReadonlyMap<string, Records | Error>): Promise<Records> {
    this.#queries.push(name);
    await this.#held.get(name);
    const records = known.get(name) ?? new Error("no such name");
    if (records instanceof Error) throw records;
    return records;
  }
}

/** Afterwards, everything that waits for nothing has run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
