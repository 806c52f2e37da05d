/** Faults of a proxy that runs, and what a reload makes of them. */

import assert from "node:assert/strict";
import { decodeFault } from "../../../../src/config/fault.ts";
import { decodeOptions } from "../../../../src/config/library.ts";
import type { ProxyOptions } from "../../../../src/config/options.ts";
import { ListenError } from "../../../../src/net/socket/listen_error.ts";
import { FaultController } from "../../../../src/runtime/control/fault_controller.ts";
import { FaultsDisabledError } from "../../../../src/runtime/control/fault_error.ts";
import { connect, freePorts, readText, writeText } from "../../../support/peers/sockets.ts";
import { ProxyFixture, type Service } from "../proxy_fixture.ts";

const REFUSE = decodeFault({ type: "refuse" });
const DOWN = decodeFault({ type: "down" });
/** A listener of node:net cannot stop accepting: its legs are Deno's, with faults and without. */
const DENO_LEGS: Partial<Service> = { limits: { connections: 9, whenFull: "wait" } };

Deno.test("FaultController refuses faults until a reload enables them, and a reload that disables them removes all", async () => {
  await using fixture = await start({}, DENO_LEGS);
  const { faults } = fixture;
  assert.throws(() => faults.list("test"), FaultsDisabledError);
  await fixture.reload({ faults: true }, DENO_LEGS);
  await faults.add("test", REFUSE);
  assert.equal(await fixture.outcome(), "fin");
  await fixture.reload({}, DENO_LEGS);
  await assert.rejects(faults.add("test", REFUSE), FaultsDisabledError);
  assert.equal(await fixture.outcome(), "echo");
});

Deno.test("FaultController says which service, fault or name it cannot use", async () => {
  await using fixture = await start({ faults: true });
  const { faults } = fixture;
  await faults.add("test", REFUSE);
  await assert.rejects(faults.add("test", REFUSE), { code: "fault_exists" });
  await assert.rejects(faults.add("other", REFUSE), { code: "no_such_service" });
  await assert.rejects(faults.remove("test", "down"), { code: "no_such_fault" });
  await assert.rejects(faults.update("test", "down", REFUSE), { code: "no_such_fault" });
});

Deno.test("FaultController.update() turns a fault off and on, and keeps its count", async () => {
  await using fixture = await start({ faults: true });
  const { faults } = fixture;
  await faults.add("test", REFUSE);
  assert.equal(await fixture.outcome(), "ConnectionReset");
  await faults.update("test", "refuse", { ...REFUSE, isEnabled: false });
  assert.equal(await fixture.outcome(), "echo");
  await faults.update("test", "refuse", REFUSE);
  assert.equal(await fixture.outcome(), "ConnectionReset");
  assert.deepEqual(faults.list("test").map(({ applied }) => applied), [2]);
});

Deno.test("a service that is down keeps its port over a reload, and binds what the reload has changed", async () => {
  await using fixture = await start({ faults: true });
  const { faults } = fixture;
  const port = fixture.port();
  await faults.add("test", DOWN);
  await fixture.reload({ faults: true }, { idleTimeout: "1h" });
  assert.equal(fixture.port(), port);
  await assert.rejects(connect(port), Deno.errors.ConnectionRefused);
  await faults.remove("test", "down");
  assert.equal(fixture.port(), port);
  assert.equal(await fixture.outcome(), "echo");

  await faults.add("test", DOWN);
  const [other] = freePorts(1);
  await fixture.reload({ faults: true }, { listen: other! });
  await faults.setDown("test", false);
  assert.equal(fixture.port(), other);
  assert.equal(await fixture.outcome(), "echo");
  await assert.rejects(connect(port), Deno.errors.ConnectionRefused);
});

Deno.test("a service cannot come up on an address that another one has taken meanwhile", async () => {
  await using fixture = await start({ faults: true });
  const { faults } = fixture;
  const port = fixture.port();
  await faults.setDown("test", true);
  await fixture.reload({ faults: true }, {}, { name: "other", listen: port });
  await assert.rejects(faults.setDown("test", false), (error: Error) => {
    assert.ok(error instanceof ListenError);
    assert.match(error.message, /other listens on|listens on .* already|this program listens/);
    return true;
  });
  assert.deepEqual(faults.list("test").map(({ config }) => config.name), ["down"]);
  assert.equal(await fixture.outcome(), "echo", "of the other one");
  await fixture.reload({ faults: true });
  await faults.setDown("test", false);
  assert.equal(fixture.port(), port);
});

/** A proxy of the service "test", before a server that echoes. */
class Fixture implements AsyncDisposable {
  readonly faults: FaultController;
  readonly #proxy: ProxyFixture;

  constructor(proxy: ProxyFixture) {
    this.#proxy = proxy;
    this.faults = new FaultController(proxy.supervisor, proxy.reloader);
  }

  port(): number {
    return this.#proxy.port();
  }

  /** @param service Further keys of the service "test". @param others Further services. */
  async reload(whole: Partial<ProxyOptions>, service: Partial<Service> = {}, ...others: Partial<Service>[]) {
    this.#proxy.file = decodeOptions(optionsOf(this.#proxy.upstream.address, whole, service, others));
    const { ok, detail } = await this.#proxy.reloader.reload();
    assert.ok(ok, detail);
  }

  /** How a new connection to the port of "test" ends: "echo", or as `endOf()` says. */
  async outcome(): Promise<string> {
    try {
      using client = await connect(this.port());
      await writeText(client, "ping");
      return await readText(client, 4) === "ping" ? "echo" : "wrong bytes";
    } catch (error) {
      return (error as Error).message.startsWith("Connection ended") ? "fin" : (error as Error).name;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#proxy[Symbol.asyncDispose]();
  }
}

async function start(whole: Partial<ProxyOptions>, service: Partial<Service> = {}): Promise<Fixture> {
  return new Fixture(await ProxyFixture.start((upstream) => optionsOf(upstream, whole, service)));
}

function optionsOf(
  upstream: string,
  whole: Partial<ProxyOptions>,
  service: Partial<Service>,
  others: readonly Partial<Service>[] = [],
): ProxyOptions {
  const services = [{ name: "test", ...service }, ...others].map((each) => ({
    listen: 0,
    upstream,
    ...each,
  }));
  return { ...whole, services: services as Service[] };
}
