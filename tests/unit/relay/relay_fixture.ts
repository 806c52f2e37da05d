/** A relay between two connections without sockets, whose writes may be held up. */

import { setImmediate } from "node:timers/promises";
import type { Peer } from "../../../src/net/errors.ts";
import { Relay, type RelayOptions, type RelayOutcome } from "../../../src/relay/relay.ts";
import type { StageConnection, Way } from "../../../src/relay/stages.ts";
import { throttle } from "../../../src/relay/throttle.ts";
import { FakeConn } from "../../support/fakes/fake_conn.ts";

/** A connection whose writes the test can hold up. */
export class SlowConn extends FakeConn {
  /** Writes wait until they are released. */
  holds = false;
  /** The most bytes that a write takes. */
  takes = Infinity;
  /** Writes fail with it. */
  breaks: Error | undefined;
  sendsCloseNotify = false;
  closes = 0;
  reads = 0;
  writes = 0;
  #held: PromiseWithResolvers<void> | undefined;

  override read(buffer: Uint8Array): Promise<number | null> {
    this.reads += 1;
    return super.read(buffer);
  }

  override async write(bytes: Uint8Array): Promise<number> {
    this.writes += 1;
    if (this.holds) {
      this.#held = Promise.withResolvers();
      await this.#held.promise;
    }
    if (this.breaks !== undefined) throw this.breaks;
    return await super.write(bytes.subarray(0, this.takes));
  }

  release(): void {
    this.holds = false;
    this.#held?.resolve();
  }

  override close(): void {
    this.closes += 1;
    this.#held?.reject(new Deno.errors.Interrupted("closed"));
    super.close();
  }
}

export class RelayFixture {
  readonly client = new SlowConn();
  readonly upstream = new SlowConn();
  readonly relay: Relay;
  readonly outcome: Promise<RelayOutcome>;
  /** Connections that the idle clock watches. */
  watched = 0;
  hasEnded = false;

  constructor(
    { rates, ...options }: Partial<RelayOptions> & { readonly rates?: Rates } = {},
    prepare = (_relay: Relay) => {},
  ) {
    this.relay = new Relay({
      client: this.client,
      upstream: this.upstream,
      bufferSize: 64 * 1024,
      connection: CONNECTION,
      reset: "close",
      fromClient: tally(),
      fromUpstream: tally(),
      idleClock: { watch: () => this.#watch() } as unknown as RelayOptions["idleClock"],
      ...options,
    });
    for (const way of ["upload", "download"] as const) {
      if (rates !== undefined && rates[way] > 0) this.relay.addStage(way, throttle(rates[way]));
    }
    prepare(this.relay);
    this.outcome = this.relay.run();
    this.outcome.then(() => this.hasEnded = true);
  }

  get isClosed(): boolean {
    return this.client.isClosed && this.upstream.isClosed;
  }

  /** The relay has read each step before the next one. */
  async arrive(side: Peer, ...what: (string | Error)[]): Promise<void> {
    for (const each of what) {
      this[side].arrive(each);
      await setImmediate();
    }
  }

  /** The code and the side of its error. */
  async failure(): Promise<string[]> {
    const outcome = await this.outcome;
    return outcome.kind === "failed" ? [outcome.error.code, outcome.error.side] : ["did not fail"];
  }

  #watch(): Disposable {
    this.watched += 1;
    return { [Symbol.dispose]: () => this.watched -= 1 };
  }
}

/** In bytes a second; 0 is no limit. */
export type Rates = Readonly<Record<Way, number>>;

export const CONNECTION: StageConnection = {
  id: 7,
  service: "db",
  client: "192.0.2.7:40123",
  serverName: "db.test",
  endpoint: "192.0.2.1:5432",
};

export function tally() {
  return {
    bytes: 0,
    add(count: number) {
      this.bytes += count;
    },
  };
}

export const RESET = new Deno.errors.ConnectionReset("Connection reset by peer");
export const BROKEN = new Deno.errors.BrokenPipe("Broken pipe");

/** The other side; every rule holds for both. */
export const SIDES: [Peer, Peer][] = [["client", "upstream"], ["upstream", "client"]];
