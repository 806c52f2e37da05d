/** Upgrades under load, where the kernel moves clients from a listener that closes to another one (Linux 5.14). */

import assert from "node:assert/strict";
import { connect } from "node:net";
import { run } from "../../support/interop.ts";
import { echo, Upstream } from "../../support/peers/sockets.ts";
import { Sluice, within } from "../../support/program/program.ts";
import { namespaceTest, NetworkNamespace } from "../servers/network_namespace.ts";

const UPGRADES = 10;
const CLIENTS = 4;
/** Connections between two upgrades. */
const BETWEEN = 25;
const PORT = 5000;
const SOON = 60_000;
const MIGRATE = "/proc/sys/net/ipv4/tcp_migrate_req";

namespaceTest(
  "ten upgrades under load lose no connection and refuse none",
  { needs: [], install: "apt-get install" },
  async (stack) => {
    const namespace = await NetworkNamespace.make(stack);
    await run("ip", ["netns", "exec", namespace.name, "sh", "-c", `echo 1 > ${MIGRATE}`]);
    const [near] = namespace.near;
    const server = stack.use(new Upstream(Deno.listen({ hostname: near, port: 0 }), echo));
    const yaml = `
admin: { listen: 127.0.0.1:9000 }
log: { format: json }
services: [{ name: test, listen: "${namespace.far}:${PORT}", upstream: "${near}:${server.port}" }]
`;
    const start = (...args: string[]) =>
      Sluice.withConfig(yaml, args, { wrapper: ["ip", "netns", "exec", namespace.name] });
    let current = stack.use(await start());
    const load = new Load(namespace.far);
    const ended = [];
    try {
      for (let upgrade = 0; upgrade < UPGRADES; upgrade++) {
        await load.served(BETWEEN);
        const next = stack.use(await start("--take-over"));
        ended.push(within(SOON, "the end of an old program", current.ended()));
        current = next;
      }
      await load.served(BETWEEN);
    } finally {
      await load.stop();
    }
    assert.deepEqual(load.failures, []);
    const codes = (await Promise.all(ended)).map(({ code }) => code);
    assert.deepEqual(codes, Array.from({ length: UPGRADES }, () => 0));
  },
);

/** Clients that connect, get an answer, close, and connect again. */
class Load {
  readonly failures: string[] = [];
  readonly #hostname: string;
  readonly #clients: Promise<void>[];
  #served = 0;
  #isOver = false;
  #changed = Promise.withResolvers<void>();

  constructor(hostname: string) {
    this.#hostname = hostname;
    this.#clients = Array.from({ length: CLIENTS }, () => this.#run());
  }

  /** Resolves when this many more connections have been served. */
  async served(count: number): Promise<void> {
    const wanted = this.#served + count;
    await within(SOON, `${count} connections`, this.#until(wanted));
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#clients);
  }

  async #until(wanted: number): Promise<void> {
    while (this.#served < wanted) {
      this.#changed = Promise.withResolvers();
      await this.#changed.promise;
    }
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      await this.#connect().catch((error) => this.failures.push(String(error)));
      this.#served += 1;
      this.#changed.resolve();
    }
  }

  #connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = connect(PORT, this.#hostname, () => socket.end("hello"));
      let answer = "";
      socket.on("data", (bytes) => answer += String(bytes));
      socket.on("error", reject);
      socket.on("close", () => answer === "hello" ? resolve() : reject(new Error(`answered "${answer}"`)));
    });
  }
}
