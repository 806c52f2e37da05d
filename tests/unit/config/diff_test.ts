import assert from "node:assert/strict";
import { parse } from "@std/yaml/parse";
import type { Config } from "../../../src/config/config.ts";
import { decodeConfig } from "../../../src/config/decode.ts";
import { type ConfigDiff, describeDiff, diffConfig } from "../../../src/config/diff.ts";

const ROOT = new URL("../../../", import.meta.url);
const VALID = new URL("tests/config/valid/", ROOT);

const GROUP = { endpoints: ["db1:1", "db2:1"] };

/** Two services, each with a route and an upstream; they share `pg`, and neither uses `idle`. */
const DOCUMENT = {
  upstreams: { pg: GROUP, idle: GROUP },
  services: [
    { name: "a", listen: 5000, routes: [{ source_port: 1, upstream: "pg" }], upstream: "a:1" },
    { name: "b", listen: 5001, routes: [{ source_port: 1, upstream: ["b:1", "b:2"] }], upstream: "pg" },
  ],
};

/** Settings of a group, and whether a reload can change them. */
const GROUP_CHANGES: [settings: object, isInPlace: boolean][] = [
  [{ endpoints: ["db1:1"] }, true],
  [{ endpoints: ["db2:1", "db1:1"] }, true],
  [{ endpoints: ["db1:1", { address: "db2:1", weight: 2 }] }, true],
  [{ endpoints: ["db1:1", { address: "db2:1", max_connections: 2 }] }, true],
  [{ endpoints: ["db1:1", { address: "db2:1", backup: true }] }, true],
  [{ balance: "source_hash" }, true],
  [{ health_check: {} }, true],
  [{ passive: {} }, true],
  [{ passive: {}, on_down: "close" }, true],
  [{ on_all_down: "wait" }, true],
  [{ retry: { attempts: 2 } }, false],
  [{ retry: { timeout: "9s" } }, false],
  [{ pool: {} }, false],
  [{ discovery: { dns: "a" } }, false],
  [{ balance: "source_hash", pool: {} }, false],
];

/** Settings of the process, and the part of the diff that reports a change. */
const SETTING_CHANGES: [
  settings: object,
  expected: Partial<Pick<ConfigDiff, "needsRestart" | "changedSettings">>,
][] = [
  [{ workers: 2 }, { needsRestart: ["workers"] }],
  [{ workers: "auto" }, { needsRestart: ["workers"] }],
  [{ admin: { listen: 9000 } }, { needsRestart: ["admin"] }],
  [{ log: { level: "warn" } }, { changedSettings: ["log"] }],
  [{ log: { format: "json" } }, { changedSettings: ["log"] }],
  [{ log: { access: { path: "/a" } } }, { changedSettings: ["log"] }],
  [{ log: { access: { format: "json" } } }, { changedSettings: ["log"] }],
  [{ log: { access: { sample: 0.5 } } }, { changedSettings: ["log"] }],
  [{ log: { access: { skip: ["empty"] } } }, { changedSettings: ["log"] }],
  [{ shutdown: { drain: 0 } }, { changedSettings: ["shutdown"] }],
  [{ shutdown: { delay: "1s" } }, { changedSettings: ["shutdown"] }],
  [{ reload: { watch: true } }, { changedSettings: ["reload"] }],
  [{ limits: { connections: 5 } }, { changedSettings: ["limits.connections"] }],
  [{ seed: 42 }, { needsRestart: ["seed"] }],
];

Deno.test("diffConfig() finds nothing between a configuration and itself, read twice or copied", async () => {
  for (const [name, document] of await documents()) {
    const config = decode(document);
    for (const other of [config, decode(document), structuredClone(config), withoutIdentity(config)]) {
      const diff = diffConfig(config, other);
      const kinds = new Set([...diff.services, ...diff.groups].map(({ kind }) => kind));
      assert.deepEqual([...kinds], ["same"], name);
      assert.deepEqual(diff.services.map(keyed), config.services.map(keyed), name);
      assert.deepEqual(diff.groups.map(keyed), config.upstreams.map(keyed), name);
      assert.deepEqual([diff.faults, diff.needsRestart, diff.changedSettings], [[], [], []], name);
      assert.equal(describeDiff(diff), "nothing changed", name);
    }
  }
});

Deno.test("diffConfig() finds whatever single value is different, and where it is", async () => {
  for (const [name, document] of await documents()) {
    const before = decode(document);
    // With another name it is another service or group.
    for (const path of leavesOf(before).filter((each) => each.at(-1) !== "name")) {
      const where = `${name}: ${path.join(".")}`;
      const diff = diffConfig(before, withChange(before, path));
      const [section, index] = path as [keyof Config, number];
      const found = {
        services: changed(diff.services),
        faults: diff.faults,
        groups: changed(diff.groups),
        settings: diff.needsRestart.length + diff.changedSettings.length,
      };
      if (section === "upstreams") {
        assert.deepEqual(found.groups, [before.upstreams[index]!.name], where);
        assert.equal(found.settings, 0, where);
      } else if (section === "services") {
        const { name } = before.services[index]!;
        const [services, faults] = path[2] === "faults" ? [[], [name]] : [[name], []];
        assert.deepEqual(found, { services, faults, groups: [], settings: 0 }, where);
      } else assert.deepEqual(found, { services: [], faults: [], groups: [], settings: 1 }, where);
    }
  }
});

Deno.test("diffConfig() matches services and groups by name, whatever their order", () => {
  const before = decodeConfig(DOCUMENT);
  const { services, upstreams: { pg, idle } } = DOCUMENT;
  const diff = diffConfig(
    before,
    decodeConfig({ services: services.toReversed(), upstreams: { idle, pg } }),
  );
  assert.deepEqual(kinds(diff.services), { b: "same", a: "same" });
  assert.deepEqual(new Set(Object.values(kinds(diff.groups))), new Set(["same"]));
});

Deno.test("diffConfig() reports what is added and removed, the new in their order and then the old", () => {
  const { services: [a, b], upstreams } = DOCUMENT;
  const c = { name: "c", listen: 5002, upstream: "c:1" };
  const before = decodeConfig({ upstreams, services: [a, b] });
  const after = decodeConfig({ upstreams: { pg: GROUP, spare: GROUP }, services: [c, b] });
  const diff = diffConfig(before, after);
  assert.deepEqual(diff.services, [
    { name: "c", kind: "added" },
    { name: "b", kind: "same" },
    { name: "a", kind: "removed" },
  ]);
  assert.deepEqual(diff.groups, [
    { name: "pg", kind: "same" },
    { name: "spare", kind: "added" },
    { name: "c:1", kind: "added" },
    { name: "b.routes[0]", kind: "same" },
    { name: "idle", kind: "removed" },
    { name: "a:1", kind: "removed" },
  ]);
  assert.deepEqual(kinds(diffConfig(after, before).services), { a: "added", b: "same", c: "removed" });
});

Deno.test("diffConfig() takes a service with another name for another service", () => {
  const { services: [a, b], upstreams } = DOCUMENT;
  const renamed = decodeConfig({ upstreams, services: [{ ...a, name: "z" }, b] });
  assert.deepEqual(kinds(diffConfig(decodeConfig(DOCUMENT), renamed).services), {
    z: "added",
    b: "same",
    a: "removed",
  });
});

for (const [settings, isInPlace] of GROUP_CHANGES) {
  const does = isInPlace ? "leaves services as they are" : "changes the services that lead to it";
  Deno.test(`diffConfig(): a group with ${JSON.stringify(settings)} ${does}`, () => {
    const before = decodeConfig(DOCUMENT);
    const after = decodeConfig({ ...DOCUMENT, upstreams: { pg: { ...GROUP, ...settings }, idle: GROUP } });
    for (const [from, to] of [[before, after], [after, before]] as const) {
      const diff = diffConfig(from, to);
      const kind = isInPlace ? "same" : "changed";
      assert.deepEqual(changed(diff.groups), ["pg"]);
      assert.deepEqual(kinds(diff.services), { a: kind, b: kind });
    }
  });
}

Deno.test("diffConfig() distinguishes a change of a group from one of a group that a service does not lead to", () => {
  const upstreams = { pg: GROUP, idle: { ...GROUP, pool: {} } };
  const diff = diffConfig(decodeConfig(DOCUMENT), decodeConfig({ ...DOCUMENT, upstreams }));
  assert.deepEqual(changed(diff.groups), ["idle"]);
  assert.deepEqual(kinds(diff.services), { a: "same", b: "same" });
});

Deno.test("diffConfig() takes a service for changed that leads to another group, equal or not", () => {
  const { services: [a, b] } = DOCUMENT;
  const of = (service: object) => changed(diffConfig(decodeConfig(DOCUMENT), withFirst(service)).services);
  const withFirst = (service: object) => decodeConfig({ ...DOCUMENT, services: [{ ...a, ...service }, b] });
  assert.deepEqual(of({ upstream: "idle" }), ["a"]);
  assert.deepEqual(of({ upstream: "a:2" }), ["a"]);
  assert.deepEqual(of({ upstream: undefined }), ["a"]);
  assert.deepEqual(of({ routes: [{ source_port: 1, upstream: "idle" }] }), ["a"]);
  assert.deepEqual(of({ routes: [{ source_port: 2, upstream: "pg" }] }), ["a"]);
  assert.deepEqual(of({ routes: undefined }), ["a"]);
});

Deno.test("diffConfig() heeds the order of routes and of addresses to listen on", () => {
  const routes = [{ source_port: 1, upstream: "pg" }, { source_port: 2, upstream: "pg" }];
  const of = (service: object) => decodeConfig({ ...DOCUMENT, services: [{ name: "a", ...service }] });
  const before = of({ listen: [5000, 5001], routes });
  assert.deepEqual(changed(diffConfig(before, of({ listen: [5001, 5000], routes })).services), ["a"]);
  assert.deepEqual(
    changed(diffConfig(before, of({ listen: [5000, 5001], routes: routes.toReversed() })).services),
    ["a"],
  );
});

Deno.test("diffConfig() takes what defaults say for what each service says", () => {
  const services = DOCUMENT.services.map((service) => ({ ...service, idle_timeout: "1m" }));
  const before = decodeConfig({ ...DOCUMENT, services });
  const after = decodeConfig({ ...DOCUMENT, defaults: { idle_timeout: "60s" } });
  assert.equal(describeDiff(diffConfig(before, after)), "nothing changed");
  assert.deepEqual(changed(diffConfig(before, decodeConfig(DOCUMENT)).services), ["a", "b"]);
});

Deno.test("diffConfig() compares what health checks send and expect by its bytes", () => {
  const of = (check: object) => {
    return decodeConfig({ ...DOCUMENT, upstreams: { pg: { ...GROUP, health_check: check }, idle: GROUP } });
  };
  const before = of({ send: "PING", expect: "hex:2b" });
  const differs = (check: object) => changed(diffConfig(before, of(check)).groups).length > 0;
  assert.equal(differs({ send: "hex:50494e47", expect: "+" }), false);
  assert.equal(differs({ send: new TextEncoder().encode("_PING").subarray(1), expect: "+" }), false);
  assert.equal(differs({ send: "PINGS", expect: "+" }), true);
  assert.equal(differs({ send: "PONG", expect: "+" }), true);
  assert.equal(differs({ send: "PING", expect: "-" }), true);
  assert.equal(differs({ send: "PING" }), true);
  assert.equal(differs({ expect: "+" }), true);
});

for (const [settings, expected] of SETTING_CHANGES) {
  Deno.test(`diffConfig() reports a change to ${JSON.stringify(settings)}`, () => {
    const [before, after] = [decodeConfig(DOCUMENT), decodeConfig({ ...DOCUMENT, ...settings })];
    for (const { services, groups, ...rest } of [diffConfig(before, after), diffConfig(after, before)]) {
      assert.deepEqual(rest, { faults: [], needsRestart: [], changedSettings: [], ...expected });
      assert.deepEqual([...changed(services), ...changed(groups)], []);
    }
  });
}

Deno.test("diffConfig() takes a service for the same that has other faults, but not one that can reset since then", () => {
  const { services: [a, b] } = DOCUMENT;
  const latency = { type: "latency", latency: "5s" };
  const of = (...faults: object[]) => decodeConfig({ ...DOCUMENT, services: [{ ...a, faults }, b] });
  const other = diffConfig(of(latency), of(latency, latency));
  assert.deepEqual([other.faults, kinds(other.services)], [["a"], { a: "same", b: "same" }]);
  const order = { ...latency, name: "z" };
  assert.deepEqual(diffConfig(of(latency, order), of(order, latency)).faults, ["a"]);
  for (const diff of [diffConfig(of(), of(latency)), diffConfig(of(latency), of())]) {
    assert.deepEqual([diff.faults, kinds(diff.services)], [["a"], { a: "changed", b: "same" }]);
  }
  const enabled = diffConfig(of(latency), decodeConfig({ ...DOCUMENT, faults: true }));
  assert.deepEqual(enabled.changedSettings, ["faults"]);
  assert.deepEqual(kinds(enabled.services), { a: "same", b: "changed" });
});

Deno.test("diffConfig() reports each change of the admin interface", () => {
  const of = (admin: object) => decodeConfig({ ...DOCUMENT, admin: { listen: 9000, ...admin } });
  for (const admin of [{ listen: 9001 }, { token: "correct-horse" }, { hosts: ["a.internal"] }]) {
    assert.deepEqual(diffConfig(of({}), of(admin)).needsRestart, ["admin"]);
  }
  assert.deepEqual(diffConfig(of({}), of({ hosts: [] })).needsRestart, []);
});

Deno.test("describeDiff() is a line about services, groups, settings and what needs a restart", () => {
  const of = (diff: Partial<ConfigDiff>) =>
    describeDiff({ services: [], faults: [], groups: [], needsRestart: [], changedSettings: [], ...diff });
  const added = { name: "smtp", kind: "added" } as const;
  const same = { name: "web", kind: "same" } as const;
  assert.equal(of({}), "nothing changed");
  assert.equal(of({ services: [same], groups: [same] }), "nothing changed");
  assert.equal(
    of({
      services: [added, { name: "db", kind: "changed" }, same, { name: "cache", kind: "changed" }, {
        name: "old",
        kind: "removed",
      }],
      groups: [{ name: "mail:25", kind: "added" }, { name: "old:1", kind: "removed" }],
      changedSettings: ["log"],
    }),
    "1 service added (smtp), 2 changed (db, cache), 1 removed (old); log",
  );
  assert.equal(
    of({ services: [added], groups: [{ name: "pg", kind: "changed" }], needsRestart: ["workers"] }),
    "1 service added (smtp); 1 group changed (pg); workers needs a restart",
  );
  assert.equal(of({ faults: ["db", "cache"], changedSettings: ["faults"] }), "faults of db, cache; faults");
  assert.equal(
    of({ groups: [{ name: "pg", kind: "added" }, { name: "idle", kind: "removed" }] }),
    "1 group added (pg), 1 removed (idle)",
  );
  assert.equal(
    of({ changedSettings: ["log", "shutdown"], needsRestart: ["workers", "admin"] }),
    "log, shutdown; workers and admin need a restart",
  );
});

Deno.test("describeDiff() stays short, however much has changed", () => {
  const names = Array.from({ length: 7 }, (_, index) => `s${index}`);
  const of = (count: number) => {
    const services = names.slice(0, count).map((name) => ({ name, kind: "added" }) as const);
    return describeDiff({ services, faults: [], groups: [], needsRestart: [], changedSettings: [] });
  };
  assert.equal(of(5), "5 services added (s0, s1, s2, s3, s4)");
  assert.equal(of(7), "7 services added (s0, s1, s2, s3, s4 and 2 more)");
});

/** All settings, by their names. */
async function documents(): Promise<[name: string, document: unknown][]> {
  const entries = await Array.fromAsync(Deno.readDir(VALID));
  const files = entries.map(({ name }) => name).filter((name) => name.endsWith(".yaml"));
  assert.ok(files.length >= 20, `only ${files.length} files`);
  const example = await Deno.readTextFile(new URL("config.example.yaml", ROOT));
  return [
    ...await Promise.all(files.map(async (file): Promise<[string, unknown]> => [
      file,
      parse(await Deno.readTextFile(new URL(file, VALID))),
    ])),
    ["config.example.yaml", parse(example)],
    // Includes commented-out keys, whose `#` has no space after it.
    ["all of config.example.yaml", parse(example.replace(/^( +)#(?=\S| {2})/gm, "$1"))],
  ];
}

function decode(document: unknown): Config {
  const environment = (name: string) => name === "SLUICE_ADMIN_TOKEN" ? "correct-horse" : undefined;
  return decodeConfig(document, { environment });
}

/** A copy without undefined values, in which no two groups are the same object. */
function withoutIdentity(config: Config): Config {
  const copy = (value: unknown): unknown => {
    if (value instanceof Uint8Array) return value.slice();
    if (Array.isArray(value)) return value.map(copy);
    if (typeof value !== "object" || value === null) return value;
    const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
    return Object.fromEntries(entries.map(([key, entry]) => [key, copy(entry)]));
  };
  return copy(config) as Config;
}

type Path = readonly (string | number)[];

/** The paths of all values, including undefined ones; of a list, those in its first and its last entry. */
function leavesOf(value: unknown, path: Path = []): Path[] {
  // Keys of a group count under `upstreams`.
  if (path.at(-1) === "upstream" && typeof value === "object") return [];
  // Nothing but a whole mirror can be in its place.
  if (path.at(-1) === "mirror" && value === undefined) return [];
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return [path];
  const keys = Array.isArray(value)
    ? [...value.keys()].filter((index) => index === 0 || index === value.length - 1)
    : Object.keys(value);
  return keys.flatMap((key) => leavesOf((value as Record<string | number, unknown>)[key], [...path, key]));
}

/** A copy with another value at a path. */
function withChange<Value>(value: Value, path: Path): Value;
function withChange(value: unknown, [key, ...rest]: Path): unknown {
  if (key === undefined) return value instanceof Uint8Array ? value.map((byte) => byte ^ 1) : { was: value };
  const copy = (Array.isArray(value) ? [...value] : { ...value as object }) as Record<
    string | number,
    unknown
  >;
  copy[key] = withChange(copy[key], rest);
  return copy;
}

function keyed({ name }: { readonly name: string }): string {
  return name;
}

function kinds(differences: ConfigDiff["services"]): Record<string, string> {
  return Object.fromEntries(differences.map(({ name, kind }) => [name, kind]));
}

function changed(differences: ConfigDiff["services"]): string[] {
  return differences.filter(({ kind }) => kind !== "same").map(({ name }) => name);
}
