import assert from "node:assert/strict";
import { ConfigError } from "../../../src/config/config_error.ts";
import { decodeConfig } from "../../../src/config/decode.ts";
import { areFaultsEnabled, changeFault, decodeFault, encodeFault } from "../../../src/config/fault.ts";
import { decodeOptions } from "../../../src/config/library.ts";
import type { FaultOptions } from "../../../src/config/options.ts";
import { toCamelCase } from "../../../src/config/schema/section.ts";
import { FAULT_TYPES } from "../../../src/faults/registry.ts";
import { EVERY_FAULT } from "./every_fault.ts";

const SERVICE = { name: "a", listen: 0, upstream: "db:1" };

Deno.test("decodeFault() reads numbers of milliseconds and bytes, and fills in defaults", () => {
  const fault = decodeFault({ type: "latency", latency: 200, jitter: 50, afterBytes: 3, match: "é" });
  assert.equal(fault.name, "latency_download");
  assert.equal(fault.type, "latency");
  assert.equal(fault.direction, "download");
  assert.equal(fault.isEnabled, true);
  assert.equal(fault.values["latency"], 200);
  assert.equal(fault.values["jitter"], 50);
  const { afterBytes, match, every } = fault.trigger;
  assert.deepEqual({ afterBytes, match, every }, {
    afterBytes: 3,
    match: new Uint8Array([0xc3, 0xa9]),
    every: undefined,
  });
});

Deno.test("decodeFault() restores what encodeFault() writes, for every key of every type", () => {
  for (const document of EVERY_FAULT) {
    assert.deepEqual(encodeFault(decodeFault(document)), document);
    const options = Object.fromEntries(
      Object.entries(document).map(([key, value]) => [toCamelCase(key), value]),
    );
    assert.deepEqual(decodeFault(options), decodeFault(document));
  }
});

Deno.test("decodeFault() gives a fault a name that no other has", () => {
  const options = { type: "latency", latency: "5s" };
  assert.equal(decodeFault(options, { taken: ["latency_download"] }).name, "latency_download_2");
  const taken = ["latency_download", "latency_download_2"];
  assert.equal(decodeFault(options, { taken }).name, "latency_download_3");
  assert.equal(decodeFault({ ...options, name: "x" }, { taken }).name, "x");
});

Deno.test("decodeFault() says everything that is wrong, where it was written and as it was spelled", () => {
  const types = FAULT_TYPES.join(", ");
  const cases: [options: unknown, from: Parameters<typeof decodeFault>[1], problems: string[]][] = [
    [{ type: "latncy" }, {}, [`type: Expected one of ${types}, got "latncy": did you mean "latency"?`]],
    [{ type: 5 }, {}, [`type: Expected one of ${types}, got 5`]],
    [{}, {}, [`type: Missing key "type": expected one of ${types}`]],
    [7, { path: "faults[1]" }, [`faults[1]: Expected a mapping such as "type: latency", got 7`]],
    [{ type: "latency", latency: "5", afterByts: 4, sni: "a..b" }, {}, [
      'afterByts: Unknown key "afterByts": did you mean "afterBytes"?',
      'latency: Cannot parse duration "5": a unit is missing, write "5s" or "5ms"',
      'sni: Cannot use "a..b" as a server name: expected a name such as shop.example.com or *.example.com',
    ]],
    [{ type: "latency", latency: -1, after_byts: 4 }, { spelling: "snake_case", path: "faults[1]" }, [
      'faults[1].after_byts: Unknown key "after_byts": did you mean "after_bytes"?',
      'faults[1].latency: Cannot parse duration "-1": expected a number with a unit (ms, s, m, h, d) such as "5s"',
    ]],
    [{ type: "latency", latency: 5, name: "x" }, { taken: ["x"] }, [
      'name: Cannot use the name "x" twice: another fault of the service has it',
    ]],
  ];
  assert.throws(() => decodeFault({ type: "latency", latency: "5" }), {
    message:
      'Cannot use the fault:\n  latency: Cannot parse duration "5": a unit is missing, write "5s" or "5ms"',
  });
  for (const [options, from, problems] of cases) {
    assert.deepEqual(problemsOf(() => decodeFault(options, from)), problems);
  }
});

Deno.test("changeFault() changes the keys given, and leaves out those that are null", () => {
  const before = decodeFault({ type: "latency", latency: 200, jitter: 50, first: 2, enabled: false });
  const after = changeFault(before, { latency: "1s", first: null, after_bytes: 5, enabled: true });
  assert.deepEqual(after, {
    ...before,
    isEnabled: true,
    values: { ...before.values, latency: 1000 },
    trigger: { ...before.trigger, first: undefined, afterBytes: 5 },
  });
  for (const changes of [{ name: "other" }, { name: null, direction: "both" }]) {
    assert.deepEqual(problemsOf(() => changeFault(before, changes)), [
      'name: Cannot change the name of "latency_download": add another fault',
    ]);
  }
  assert.deepEqual(problemsOf(() => changeFault(before, { type: "bandwidth", rate: 5 })), [
    'type: Cannot change the type: "latency_download" is latency, add another fault',
  ]);
  assert.deepEqual(problemsOf(() => changeFault(before, { latency: null }, { path: "fault" })), [
    'fault.latency: Missing key "latency": expected a duration such as "5s"',
  ]);
});

Deno.test("decodeConfig() names faults, and no two the same", () => {
  const latency = { type: "latency", latency: "5s" };
  const faults = [latency, latency, { ...latency, direction: "both" }, {
    ...latency,
    name: "latency_download_2",
  }];
  const [service] = decodeConfig({ services: [{ ...SERVICE, faults }] }).services;
  assert.deepEqual(service?.faults.map(({ name }) => name), [
    "latency_download",
    "latency_download_3",
    "latency_both",
    "latency_download_2",
  ]);
});

Deno.test("decodeConfig() has faults reset connections where there are or can be some, and sockets can", () => {
  const fault = { type: "latency", latency: "5s" };
  const waiting = { limits: { connections: 1, when_full: "wait" } };
  const engine = { tls: { cert: "a.pem", key: "a.key", engine: "deno" } };
  const resets = (service: object, faults: boolean) =>
    decodeConfig({ faults, services: [{ ...SERVICE, ...service }] }).services[0]?.faultsReset;
  assert.equal(resets({}, false), false);
  assert.equal(resets({ faults: [fault] }, false), true);
  assert.equal(resets({}, true), true);
  assert.equal(resets(waiting, true), false);
  assert.equal(resets(engine, true), false);
});

Deno.test("areFaultsEnabled() where the configuration says so, or has some", () => {
  const fault = { type: "latency", latency: "5s" };
  const enabled = (document: object) => areFaultsEnabled(decodeConfig({ services: [SERVICE], ...document }));
  assert.equal(enabled({}), false);
  assert.equal(enabled({ faults: true }), true);
  assert.equal(enabled({ services: [SERVICE, { ...SERVICE, name: "b", faults: [fault] }] }), true);
});

Deno.test("decodeOptions() reads faults and seeds as programs write them", () => {
  const { faultsEnabled, seed, services } = decodeOptions({
    faults: true,
    seed: 42,
    services: [{
      ...SERVICE,
      faults: [{ type: "latency", latency: 200, jitter: "50ms", afterBytes: 5, match: new Uint8Array([1]) }],
    }],
  });
  assert.equal(faultsEnabled, true);
  assert.equal(seed, "42");
  const [fault] = services[0]!.faults;
  assert.equal(fault?.values["latency"], 200);
  assert.deepEqual(fault?.trigger.match, new Uint8Array([1]));
  // @ts-expect-error: a parameter of another type is a mistake in the types, too
  const wrong: FaultOptions = { type: "latency", latency: 1, lossRate: 0.5 };
  assert.deepEqual(problemsOf(() => decodeOptions({ services: [{ ...SERVICE, faults: [wrong] }] })), [
    'services[0].faults[0].lossRate: Unknown key "lossRate": it is a parameter of packet_loss, not of latency',
  ]);
});

function problemsOf(act: () => unknown): string[] {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems.map(({ path, message }) => path === "" ? message : `${path}: ${message}`);
  }
  assert.fail("it succeeded");
}
