/** What a plain TLS listener does with clients whose accept succeeds while it is closed, on scripted listeners of Deno. */

import assert from "node:assert/strict";
import type { Credentials } from "../../src/net/tls_credentials.ts";
import { DenoTlsConn, TlsListener } from "../../src/net/tls_listener.ts";
import { ANYWHERE } from "./accept_stage.ts";

const OPTIONS = { credentials: { cert: "", key: "" } as Credentials, alpn: [] };

Deno.test("clients accepted while a TLS listener is closed are handed out, and then it rejects", async () => {
  using deno = new ScriptedDeno();
  const listener = TlsListener.bind(ANYWHERE, OPTIONS);
  const first = listener.accept();
  listener.replace(OPTIONS);
  const [retired, current] = deno.accepts;
  assert.ok(retired && current);
  listener.close();
  listener.close();
  assert.deepEqual(deno.closed, [4322, 4321]);
  const conns = [retired, current].map((accept) => deno.resolve(accept));
  assert.ok(await first instanceof DenoTlsConn);
  assert.ok(await listener.accept() instanceof DenoTlsConn);
  await assert.rejects(listener.accept(), { name: "BadResource" });
  assert.equal(conns.length, 2);
});

Deno.test("an accept under way ends when the last of Deno's has, once a TLS listener is closed", async () => {
  using deno = new ScriptedDeno();
  const listener = TlsListener.bind(ANYWHERE, OPTIONS);
  const accepting = listener.accept();
  listener.replace(OPTIONS);
  const [retired, current] = deno.accepts;
  listener.close();
  current!.reject(new Deno.errors.Interrupted("closed"));
  deno.resolve(retired!);
  assert.ok(await accepting instanceof DenoTlsConn);
  await assert.rejects(listener.accept(), { name: "BadResource" });
});

Deno.test("an accept under way rejects when a TLS listener is closed", async () => {
  using deno = new ScriptedDeno();
  const listener = TlsListener.bind(ANYWHERE, OPTIONS);
  const accepting = listener.accept();
  listener.close();
  deno.accepts[0]!.reject(new Deno.errors.Interrupted("closed"));
  await assert.rejects(accepting, { name: "Interrupted" });
});

/** Stands for Deno.listenTls. */
class ScriptedDeno implements Disposable {
  /** Of all listeners, in the order they began. */
  readonly accepts: PromiseWithResolvers<Deno.TlsConn>[] = [];
  /** Ports of the listeners that were closed: 4321, 4322 and so on. */
  readonly closed: number[] = [];
  readonly #listenTls = Deno.listenTls;
  #port = 4321;

  constructor() {
    Deno.listenTls = () => this.#listener(this.#port++) as unknown as Deno.TlsListener;
  }

  resolve({ resolve }: PromiseWithResolvers<Deno.TlsConn>): void {
    resolve({ close: () => {} } as unknown as Deno.TlsConn);
  }

  [Symbol.dispose](): void {
    Deno.listenTls = this.#listenTls;
  }

  #listener(port: number) {
    return {
      addr: { transport: "tcp", hostname: "127.0.0.1", port },
      accept: () => {
        const accept = Promise.withResolvers<Deno.TlsConn>();
        this.accepts.push(accept);
        return accept.promise;
      },
      close: () => void this.closed.push(port),
    };
  }
}
