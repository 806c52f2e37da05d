/** What a plain TLS listener does with clients whose accept succeeds while it is closed, on scripted listeners of Deno. */

import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
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
  assert.deepEqual(deno.closed, [4321, 4322]);
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

Deno.test("where no address can be shared, a TLS listener binds the next certificate when the last accept has ended", async () => {
  using deno = new ScriptedDeno();
  const listener = TlsListener.bind(ANYWHERE, OPTIONS, { reusePort: false });
  const accepting = listener.accept();
  listener.replace(OPTIONS);
  // The second was for port 0, to see whether the certificate can be used.
  assert.deepEqual([deno.closed, deno.accepts.length], [[4322, 4321], 1]);
  deno.accepts[0]!.reject(new Deno.errors.BadResource("closed"));
  await turn();
  assert.equal(deno.accepts.length, 2);
  deno.resolve(deno.accepts[1]!);
  assert.ok(await accepting instanceof DenoTlsConn);
  listener.close();
  assert.deepEqual(deno.closed, [4322, 4321, 4323]);
});

Deno.test("a port that another program took meanwhile is bound by the first accept that can", async () => {
  using deno = new ScriptedDeno();
  const listener = TlsListener.bind(ANYWHERE, OPTIONS, { reusePort: false });
  deno.freeAgainAfter = 2;
  listener.replace(OPTIONS);
  await assert.rejects(listener.accept(), { name: "AddrInUse" });
  const accepting = listener.accept();
  deno.resolve(deno.accepts[0]!);
  assert.ok(await accepting instanceof DenoTlsConn);
  listener.replace(OPTIONS);
  listener.close();
  await assert.rejects(listener.accept(), { name: "BadResource" });
});

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

/** Stands for Deno.listenTls. */
class ScriptedDeno implements Disposable {
  /** Of all listeners, in the order they began. */
  readonly accepts: PromiseWithResolvers<Deno.TlsConn>[] = [];
  /** Ports of the listeners that were closed: 4321, 4322 and so on. */
  readonly closed: number[] = [];
  /** Binds of a port other than 0 that fail as yet. */
  freeAgainAfter = 0;
  readonly #listenTls = Deno.listenTls;
  #port = 4321;

  constructor() {
    Deno.listenTls = ({ port }) => {
      if (port !== 0 && this.freeAgainAfter-- > 0) throw new Deno.errors.AddrInUse("in use");
      return this.#listener(this.#port++) as unknown as Deno.TlsListener;
    };
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
