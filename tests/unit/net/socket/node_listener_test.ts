/** Listeners on sockets that another process has bound. */

import assert from "node:assert/strict";
import process from "node:process";
import { NodeListener } from "../../../../src/net/socket/node_listener.ts";
import { eventually } from "../../../support/eventually.ts";
import { descriptorsOf, socketsAt } from "../../../support/peers/socket_descriptors.ts";
import { connect } from "../../../support/peers/sockets.ts";

/** The parts of a handle of Deno that are used here. */
interface Handle {
  bind(address: string, port: number): number;
  getsockname(name: { port?: number }): number;
  fdForIpc(): number;
  close(): void;
}

/** A socket that is bound, and on which its listeners decide when it listens. */
class BoundSocket implements Disposable {
  readonly port: number;
  readonly #handle: Handle;
  /** How often a descriptor was asked for. */
  asked = 0;
  /** This many times, none is left. */
  shortages = 0;
  /** Resolves before a descriptor is given. */
  ready: Promise<void> = Promise.resolve();

  constructor() {
    const { TCP } = (process as unknown as {
      binding(name: string): { readonly TCP: new (type: number) => Handle };
    }).binding("tcp_wrap");
    this.#handle = new TCP(0);
    assert.equal(this.#handle.bind("127.0.0.1", 0), 0);
    const name: { port?: number } = {};
    assert.equal(this.#handle.getsockname(name), 0);
    this.port = name.port!;
  }

  listener() {
    const bound = { transport: "tcp", hostname: "127.0.0.1", port: this.port } as const;
    return NodeListener.adopt({ transport: "systemd", name: "web", bound }, { backlog: 9 }, async () => {
      this.asked += 1;
      await this.ready;
      return this.shortages-- > 0 ? -1 : this.#handle.fdForIpc();
    });
  }

  [Symbol.dispose](): void {
    this.#handle.close();
  }
}

function test(name: string, fn: (socket: BoundSocket) => Promise<void>): void {
  Deno.test({
    name: `${name} (needs Linux)`,
    ignore: Deno.build.os !== "linux",
    fn: async () => {
      using socket = new BoundSocket();
      await fn(socket);
    },
  });
}

test("NodeListener.adopt() takes a socket over with the first accept()", async (socket) => {
  const listener = socket.listener();
  const unused = socket.listener();
  unused.close();
  await assert.rejects(connect(socket.port), Deno.errors.ConnectionRefused);
  assert.equal(socket.asked, 0);
  for (let count = 0; count < 2; count++) {
    const accepted = listener.accept();
    using _client = await connectWhenListening(socket);
    (await accepted).close();
  }
  assert.equal(socket.asked, 1);
  listener.close();
});

test("NodeListener.adopt() tries again when no descriptor was left", async (socket) => {
  socket.shortages = 2;
  const listener = socket.listener();
  await assert.rejects(listener.accept(), { code: "too_many_open_files" });
  await assert.rejects(listener.accept(), { code: "too_many_open_files" });
  const accepted = listener.accept();
  using _client = await connectWhenListening(socket);
  (await accepted).close();
  listener.close();
});

test("NodeListener.adopt() takes no socket over after a shortage before the first accept()", async (socket) => {
  const unused = socket.listener();
  const used = socket.listener();
  const accepted = used.accept();
  using _client = await connectWhenListening(socket);
  (await accepted).close();
  unused.onShortage();
  used.onShortage();
  // The timer of the first would have ended before.
  await eventually(
    "the socket is listened on again",
    () => Promise.resolve(socket.asked),
    (asked) => asked > 1,
  );
  assert.equal(socket.asked, 2);
  unused.close();
  const again = used.accept();
  using _other = await connectWhenListening(socket);
  (await again).close();
  used.close();
});

test("NodeListener.adopt() closes its descriptor when it was closed before it listens", async (socket) => {
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.ready = promise;
  const listener = socket.listener();
  const accepted = listener.accept();
  listener.close();
  await assert.rejects(accepted, Deno.errors.Interrupted);
  resolve();
  await assert.rejects(listener.accept(), Deno.errors.BadResource);
  // It has listened for a moment, and the socket is listed since then.
  const sockets = await eventually("a listener", () => socketsAt(socket.port), ({ size }) => size === 1);
  await eventually("one descriptor", () => descriptorsOf(sockets), (count) => count === 1);
});

async function connectWhenListening({ port }: BoundSocket): Promise<Deno.TcpConn> {
  return (await eventually("a listener", () => connect(port).catch(() => undefined), Boolean))!;
}
