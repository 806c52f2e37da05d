/** Connectors whose dials the test answers. */

import type { GroupConfig } from "../../../src/config/config.ts";
import type { Conn } from "../../../src/net/socket/conn.ts";
import type { DialOptions } from "../../../src/net/socket/dial.ts";
import { Connector } from "../../../src/upstream/connector.ts";
import type { UpstreamDialerOptions } from "../../../src/upstream/upstream_dialer.ts";
import type { Group } from "../../../src/upstream/group.ts";
import { FakeConn } from "../../support/fakes/fake_conn.ts";
import { ControlledGroup } from "../../support/fakes/upstream_parts.ts";

export type Dial = (address: unknown, options: DialOptions) => Promise<Conn>;

const made: Connector[] = [];
Deno.test.afterEach(() => {
  for (const connector of made.splice(0)) connector.restTimers();
});

/** @param dial Never connects unless given. */
export function connectorOf(
  group: Group,
  dial: Dial = untilAborted,
  options: Partial<UpstreamDialerOptions> = {},
): Connector {
  const connector = new Connector(group, {
    adapter: "deno",
    connectTimeout: 0,
    nodelay: false,
    keepalive: false,
    sourceAddress: undefined,
    tls: undefined,
    hasPreface: false,
    dial,
    ...options,
  });
  made.push(connector);
  return connector;
}

export function attempts() {
  return { endpoint: "", attempts: 0 };
}

/** A dial without an answer. */
export function untilAborted(_address: unknown, { signal }: DialOptions): Promise<Conn> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}

/** A group, its connector, and all that it has dialled. */
export class ConnectorFixture extends ControlledGroup {
  readonly connector: Connector;
  readonly dialled: FakeConn[] = [];
  /** The result of a dial, if it is not a new connection. */
  dial: Dial | undefined;

  constructor(config: Partial<GroupConfig> = {}, options: Partial<UpstreamDialerOptions> = {}) {
    super(config);
    this.connector = connectorOf(
      this.group,
      (address, dialOptions) => (this.dial ?? (() => this.#newConn()))(address, dialOptions),
      options,
    );
  }

  /** The only endpoint. */
  get only() {
    return this.group.endpoints[0]!;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.connector.retire();
    await super[Symbol.asyncDispose]();
  }

  #newConn(): Promise<Conn> {
    const conn = new FakeConn();
    this.dialled.push(conn);
    return Promise.resolve(conn);
  }
}
