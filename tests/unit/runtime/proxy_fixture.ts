/** A proxy in this thread, without a program around it, with a configuration of the test. */

import assert from "node:assert/strict";
import type { Config } from "../../../src/config/config.ts";
import type { ConfigError } from "../../../src/config/config_error.ts";
import { decodeOptions } from "../../../src/config/library.ts";
import type { ProxyOptions } from "../../../src/config/options.ts";
import type { TcpAddress } from "../../../src/net/address.ts";
import type { Log } from "../../../src/observe/log/log.ts";
import { silentLog } from "../../../src/observe/log/log.ts";
import { buildSupervisor } from "../../../src/runtime/control/build_supervisor.ts";
import { DescriptorBudget } from "../../../src/runtime/files/descriptors.ts";
import { Reloader } from "../../../src/runtime/control/reloader.ts";
import { Shutdown } from "../../../src/runtime/control/shutdown.ts";
import type { Supervisor } from "../../../src/runtime/control/supervisor.ts";
import { connect, echo, readText, type Upstream, upstream, writeText } from "../../support/peers/sockets.ts";

export type Logged = Readonly<Record<string, unknown>>;
export type Service = ProxyOptions["services"][number];

export class ProxyFixture implements AsyncDisposable {
  readonly supervisor: Supervisor;
  readonly descriptors: DescriptorBudget;
  readonly reloader: Reloader;
  readonly shutdown: Shutdown;
  /** An upstream that echoes. */
  readonly upstream: Upstream = upstream(echo);
  readonly logged: Logged[] = [];
  /** The content of the configuration file, or its error. */
  file: Config | Promise<Config>;
  readonly #watches = new Set<{ readonly event: string; resolve(logged: Logged): void }>();
  #hasBegun = false;

  /**
   * @param optionsOf Returns the whole configuration, given the address of the upstream.
   * @param takesOver Whether another sluice still listens on the addresses.
   */
  constructor(optionsOf: (upstream: string) => ProxyOptions, takesOver = false) {
    this.file = decodeOptions(optionsOf(this.upstream.address));
    this.supervisor = buildSupervisor(
      this.file,
      { ...this.#log(), dropped: 0, adjust() {} },
      undefined,
      takesOver,
    );
    this.descriptors = DescriptorBudget.probe(this.file);
    const source = {
      path: "sluice.yaml",
      load: async () => await this.file,
      locate: (error: ConfigError) => Promise.resolve(error),
    };
    this.reloader = new Reloader(this.supervisor, source, this.descriptors);
    this.shutdown = new Shutdown(this.supervisor, {
      endChanges: () => this.reloader.stop(),
      close: () => this.supervisor.stop(),
    });
  }

  static async start(
    optionsOf: (upstream: string) => ProxyOptions,
    takesOver = false,
  ): Promise<ProxyFixture> {
    const fixture = new ProxyFixture(optionsOf, takesOver);
    await fixture.reloader.begin(await fixture.file);
    fixture.#hasBegun = true;
    return fixture;
  }

  /** The address of a service. */
  port(service = "test"): number {
    const [address] = this.supervisor.services.find(({ name }) => name === service)!.addresses;
    return (address as TcpAddress).port;
  }

  /** Resolves when such a line is logged from now on. */
  next(event: string): Promise<Logged> {
    const { promise, resolve } = Promise.withResolvers<Logged>();
    this.#watches.add({ event, resolve });
    return promise;
  }

  /** The events logged so far. */
  get events(): unknown[] {
    return this.logged.map(({ event }) => event);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#hasBegun) await this.shutdown.begin({ drain: 0 });
    await this.upstream[Symbol.asyncDispose]();
  }

  #log(): Log {
    const note: Log["info"] = (message, fields) => {
      const line = { message, ...fields };
      this.logged.push(line);
      for (const watch of this.#watches) {
        if (watch.event !== line["event" as never]) continue;
        this.#watches.delete(watch);
        watch.resolve(line);
      }
    };
    return { ...silentLog(), info: note, warn: note, error: note, enabled: () => true };
  }
}

/** A client of an echoing upstream, after its first answer. */
export async function echoed(port: number): Promise<Deno.TcpConn> {
  const client = await connect(port);
  assert.equal(await roundTrip(client), "hello");
  return client;
}

export async function roundTrip(client: Deno.TcpConn): Promise<string> {
  await writeText(client, "hello");
  return await readText(client, 5);
}

/** Runs everything that is due. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
