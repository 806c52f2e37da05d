import assert from "node:assert/strict";
import { mock } from "node:test";
import {
  type ManagedProxy,
  ServiceManager,
  watchdogInterval,
} from "../../../../src/runtime/control/service_manager.ts";
import { within } from "../../../support/program/program.ts";

Deno.test("ServiceManager sends the states of a program, and what it does", async () => {
  await using fixture = new Fixture();
  const { manager, proxy } = fixture;
  manager.reloading(); // too early
  manager.reloaded(false);
  manager.ready(proxy);
  manager.ready(proxy);
  assert.deepEqual(await fixture.sent(), ["READY=1\nSTATUS=2 connections of 3 services"]);
  manager.reloading();
  manager.reloading();
  manager.reloaded(false);
  const [reloading, ...none] = await fixture.sent();
  assert.match(reloading!, /^RELOADING=1\nMONOTONIC_USEC=\d+000000\nSTATUS=Reloading the configuration$/);
  assert.deepEqual(none, []); // the second reload goes on
  manager.reloaded(false);
  assert.deepEqual(await fixture.sent(), ["READY=1\nSTATUS=Reloaded"]);
  manager.reloading();
  manager.stopping(90_000);
  manager.stopping(1);
  manager.reloaded(true);
  assert.deepEqual((await fixture.sent()).slice(1), [
    "STOPPING=1\nEXTEND_TIMEOUT_USEC=120000000\nSTATUS=Waiting for open connections",
  ]);
});

Deno.test({
  name: "ServiceManager reports reloads without their time where Deno may not read it, and says so once",
  permissions: { sys: false },
  fn: async () => {
    await using fixture = new Fixture();
    const { manager, proxy } = fixture;
    manager.ready(proxy);
    await fixture.sent();
    for (let reload = 0; reload < 2; reload++) {
      manager.reloading();
      manager.reloaded(false);
      assert.equal((await fixture.sent())[0], "RELOADING=1\nSTATUS=Reloading the configuration");
    }
    assert.deepEqual(fixture.warnings, [
      "Cannot report the time of a reload to the service manager: not allowed by Deno (add osUptime to --allow-sys)",
    ]);
  },
});

Deno.test("ServiceManager sends a changed status only, also after a refused reload and during a stop", async () => {
  await using fixture = new Fixture();
  const { manager, proxy } = fixture;
  manager.ready(proxy);
  await fixture.sent();
  mock.timers.tick(5000);
  assert.deepEqual(await fixture.sent(), []);
  fixture.active = 1;
  mock.timers.tick(5000);
  assert.deepEqual(await fixture.sent(), ["STATUS=1 connection of 3 services"]);
  manager.reloading();
  manager.reloaded(true);
  assert.equal(
    (await fixture.sent()).at(-1),
    "READY=1\nSTATUS=The last reload was refused, nothing has changed",
  );
  mock.timers.tick(5000);
  assert.deepEqual(await fixture.sent(), ["STATUS=1 connection of 3 services; the last reload was refused"]);
  manager.stopping(0);
  await fixture.sent();
  mock.timers.tick(5000);
  assert.deepEqual(await fixture.sent(), ["STATUS=Stopping, 1 connection of 3 services open"]);
});

Deno.test("ServiceManager keeps the watchdog quiet while all threads respond, and only then", async () => {
  await using fixture = new Fixture(2000);
  fixture.manager.ready(fixture.proxy);
  await fixture.sent();
  mock.timers.tick(2000);
  assert.deepEqual(await fixture.sent(), ["WATCHDOG=1"]);
  fixture.areAlive = false;
  mock.timers.tick(2000);
  assert.deepEqual(await fixture.sent(), []);
  fixture.areAlive = true;
  mock.timers.tick(2000);
  assert.deepEqual(await fixture.sent(), ["WATCHDOG=1"]);
});

Deno.test("ServiceManager queues no second message of a timer while the first waits for a slow manager", async () => {
  await using fixture = new Fixture(1000);
  fixture.manager.ready(fixture.proxy);
  await fixture.sent();
  const slow = fixture.block();
  mock.timers.tick(1000);
  mock.timers.tick(1000);
  mock.timers.tick(1000);
  slow.resolve();
  assert.deepEqual(await fixture.sent(), ["WATCHDOG=1"]);
});

Deno.test("ServiceManager logs the first message that cannot be sent, and goes on", async () => {
  await using fixture = new Fixture();
  fixture.block().reject(new Error("Connection refused (os error 111)"));
  fixture.manager.ready(fixture.proxy);
  await fixture.sent();
  assert.deepEqual(fixture.warnings, [
    "Cannot notify the service manager: Connection refused (os error 111)",
  ]);
  fixture.block().reject(new Error("again"));
  fixture.manager.stopping(0);
  await fixture.sent();
  assert.equal(fixture.warnings.length, 1);
});

Deno.test("ServiceManager ends after a second although its manager does not read", async () => {
  await using fixture = new Fixture();
  const { manager, proxy } = fixture;
  const full = fixture.block();
  manager.ready(proxy);
  manager.stopping(0);
  await within(20_000, "the end", manager[Symbol.asyncDispose]());
  assert.equal(fixture.isClosed, true);
  assert.deepEqual(await fixture.sent(), []);
  assert.deepEqual(fixture.warnings, ["Cannot notify the service manager: it does not read its messages"]);
  full.reject(new Error("Bad resource ID"));
  await fixture.sent();
  assert.equal(fixture.warnings.length, 1);
});

Deno.test("ServiceManager.connect() has nothing to do without NOTIFY_SOCKET, and warns of a wrong one", () => {
  const warnings: string[] = [];
  const connect = (NOTIFY_SOCKET?: string) =>
    ServiceManager.connect((name) => ({ NOTIFY_SOCKET })[name as "NOTIFY_SOCKET"], logInto(warnings));
  assert.equal(connect(), undefined);
  assert.equal(connect(""), undefined);
  assert.deepEqual(warnings, []);
  assert.equal(connect("vsock:2:1"), undefined);
  assert.match(
    warnings[0]!,
    /^Cannot use NOTIFY_SOCKET="vsock:2:1": expected an absolute path, or @ and a name$/,
  );
});

Deno.test("watchdogInterval() is half of the time that the manager allows, for this process only", () => {
  const intervalOf = (variables: Record<string, string>) => watchdogInterval((name) => variables[name], 7);
  assert.equal(intervalOf({}), undefined);
  assert.equal(intervalOf({ WATCHDOG_USEC: "30000000" }), 15_000);
  assert.equal(intervalOf({ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "7" }), 15_000);
  assert.equal(intervalOf({ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "8" }), undefined);
  for (const wrong of ["0", "-1", "soon"]) assert.equal(intervalOf({ WATCHDOG_USEC: wrong }), undefined);
});

class Fixture implements AsyncDisposable {
  active = 2;
  areAlive = true;
  isClosed = false;
  readonly warnings: string[] = [];
  readonly manager: ServiceManager;
  readonly proxy: ManagedProxy;
  readonly #sent: string[] = [];
  #next: Promise<void> = Promise.resolve();

  constructor(watchdogEvery?: number) {
    mock.timers.reset();
    mock.timers.enable({ apis: ["setInterval"] });
    const send = async (text: string) => {
      const next = this.#next;
      this.#next = Promise.resolve();
      await next;
      this.#sent.push(text);
    };
    this.manager = new ServiceManager(
      { send, [Symbol.dispose]: () => void (this.isClosed = true) },
      logInto(this.warnings),
      watchdogEvery,
    );
    const active = () => this.active;
    this.proxy = {
      services: [1, 2, 3],
      supervisor: {
        get active() {
          return active();
        },
        parts: { threads: { areAlive: () => this.areAlive } },
      },
    };
  }

  /** Makes the next message wait. */
  block(): PromiseWithResolvers<void> {
    const blocked = Promise.withResolvers<void>();
    this.#next = blocked.promise;
    return blocked;
  }

  /** What has been sent since the last call. */
  async sent(): Promise<string[]> {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    return this.#sent.splice(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.manager[Symbol.asyncDispose]();
    mock.timers.reset();
  }
}

function logInto(warnings: string[]) {
  return { warn: (text: string) => void warnings.push(text) };
}
