import assert from "node:assert/strict";
import { startProxy } from "../../../../src/runtime/start_proxy.ts";
import { order, outcome } from "../../admin/admin_fixture.ts";

const LATENCY = { type: "latency", latency: "200ms", direction: "both" };

Deno.test("the API adds, shows, changes and removes faults", async () => {
  await using admin = await adminOf({ faults: true });
  const { faults } = admin;
  const added = await outcome(faults, order("POST", { ...LATENCY, jitter: 50, first: 2 }));
  const latency = {
    ...LATENCY,
    jitter: "50ms",
    distribution: "uniform",
    buffer: "256MiB",
    name: "latency_both",
    enabled: true,
    first: 2,
    configured: false,
    applied: 0,
  };
  assert.equal(added.status, 201, added.text);
  assert.deepEqual(JSON.parse(added.text), latency);
  const second = await outcome(faults, order("POST", LATENCY));
  assert.equal(JSON.parse(second.text).name, "latency_both_2");
  assert.deepEqual(await jsonAt(`${faults}/latency_both`), latency);

  const change = order("PATCH", { latency: 1000, first: null, enabled: false });
  const changed = await outcome(`${faults}/latency_both`, change);
  assert.equal(changed.status, 200, changed.text);
  const { first: _, ...rest } = latency;
  assert.deepEqual(JSON.parse(changed.text), { ...rest, latency: "1s", enabled: false });

  assert.equal((await outcome(`${faults}/latency_both`, order("DELETE"))).status, 200);
  assert.deepEqual((await jsonAt(faults)).map(({ name }: { name: string }) => name), ["latency_both_2"]);
});

Deno.test("the API lists all problems of a fault with their paths", async () => {
  await using admin = await adminOf({ faults: true });
  const body = { ...LATENCY, latency: "5", client: ["10.0.0.0/8", "10.0.0.0/99"] };
  const response = await fetch(admin.faults, order("POST", body));
  assert.deepEqual((await response.json()).error.problems, [
    {
      path: "client[1]",
      message: 'Cannot parse "10.0.0.0/99": expected a prefix of 0-32 after the slash',
    },
    { path: "latency", message: 'Cannot parse duration "5": a unit is missing, write "5s" or "5ms"' },
  ]);
});

Deno.test("the API says what is wrong with a fault", async () => {
  await using admin = await adminOf({
    services: [{ name: "db", listen: 0, upstream: "127.0.0.1:1", faults: [{ ...LATENCY, name: "slow" }] }],
  });
  const { faults } = admin;
  const cases: [url: string, init: RequestInit, status: number, code: string, text: string | RegExp][] = [
    [faults, order("POST", {}), 400, "bad_fault", /^type: Missing key "type": expected one of latency, /],
    [faults, order("POST"), 400, "bad_fault", /^type: Missing key/],
    [
      faults,
      order("POST", []),
      400,
      "bad_fault",
      'Expected a mapping such as "type: latency", got an empty list',
    ],
    [
      faults,
      order("POST", { type: "latency", latency: "5", loss_rate: 1 }),
      400,
      "bad_fault",
      'latency: Cannot parse duration "5": a unit is missing, write "5s" or "5ms"; ' +
      'loss_rate: Unknown key "loss_rate": it is a parameter of packet_loss, not of latency',
    ],
    [
      faults,
      order("POST", { ...LATENCY, name: "slow" }),
      409,
      "fault_exists",
      'Service "db" has a fault "slow" already',
    ],
    [
      `${faults}/slow`,
      order("PATCH", { name: "a" }),
      400,
      "bad_fault",
      'name: Cannot change the name of "slow": add another fault',
    ],
    [`${faults}/slow`, order("PATCH", { type: "down" }), 400, "bad_fault", /^type: Cannot change the type/],
    [`${faults}/late`, order("PATCH", {}), 404, "no_such_fault", 'Service "db" has no fault "late"'],
    [`${faults}/late`, order("DELETE"), 404, "no_such_fault", 'Service "db" has no fault "late"'],
    [`${faults}/late`, {}, 404, "no_such_fault", 'Service "db" has no fault "late"'],
    [faults.replace("/db/", "/x/"), {}, 404, "no_such_service", 'There is no service "x"'],
    [`${faults}?a=1`, {}, 400, "bad_query", 'Unknown query parameter "a"'],
    [`${faults}/slow`, order("DELETE", { a: 1 }), 400, "bad_body", 'Unknown field "a"'],
  ];
  for (const [url, init, status, code, text] of cases) {
    const answer = await outcome(url, init);
    assert.deepEqual([answer.status, answer.code], [status, code], answer.text);
    if (typeof text === "string") assert.equal(answer.text, text);
    else assert.match(answer.text, text);
  }
  assert.equal((await jsonAt(faults)).length, 1);
});

Deno.test("the API has types, triggers and the seed, also where faults are disabled", async () => {
  const services = [{ name: "db", listen: 0, upstream: "127.0.0.1:1" }];
  await using admin = await adminOf({ faults: false, seed: 42, services });
  const { enabled, seed, types, triggers } = await jsonAt(`${admin.url}/api/v1/faults`);
  assert.deepEqual([enabled, seed], [false, "42"]);
  const find = (name: string) => types.find(({ type }: { type: string }) => type === name);
  const { parameters, ...latency } = find("latency");
  assert.equal(latency.direction, "download");
  assert.deepEqual(latency.triggers, triggers.map(({ name }: { name: string }) => name));
  assert.deepEqual(parameters[2], {
    name: "distribution",
    expected: '"uniform" or "normal"',
    required: false,
    default: "uniform",
    choices: ["uniform", "normal"],
    description: parameters[2].description,
  });
  assert.deepEqual([parameters[0].name, parameters[0].required, parameters[0].default], [
    "latency",
    true,
    null,
  ]);
  assert.deepEqual([find("down").direction, find("down").triggers], [null, []]);
  assert.ok(!find("refuse").triggers.includes("sni"));
  for (const init of [{}, order("POST", LATENCY)]) {
    const { status, code } = await outcome(admin.faults, init);
    assert.deepEqual([status, code], [403, "faults_disabled"]);
  }
});

async function adminOf(options: object) {
  const services = [{ name: "db", listen: 0, upstream: "127.0.0.1:1" }];
  const proxy = await startProxy({ services, admin: { listen: 0 }, ...options });
  const url = `http://${proxy.admin}`;
  const faults = `${url}/api/v1/services/db/faults`;
  return { url, faults, [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose]() };
}

async function jsonAt(url: string) {
  const { status, text } = await outcome(url);
  assert.equal(status, 200, text);
  return JSON.parse(text);
}
