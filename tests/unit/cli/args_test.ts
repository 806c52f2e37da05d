import assert from "node:assert/strict";
import { type AdminFlags, parseAdminCommand } from "../../../src/cli/admin/command.ts";
import type { ConnectionOrder } from "../../../src/cli/admin/order.ts";
import { type AdminCommandName, loadAdminCommand } from "../../../src/cli/admin/registry.ts";
import { type Command, parseCommand, type RunFlags } from "../../../src/cli/args.ts";
import { withFlags } from "../../../src/cli/run.ts";
import { type Topic, UsageError } from "../../../src/cli/usage.ts";
import { decodeConfig } from "../../../src/config/decode.ts";
import { parseQuickForm } from "../../../src/config/input/quick.ts";

const PLAIN: RunFlags = {
  workers: undefined,
  seed: undefined,
  logLevel: undefined,
  logFormat: undefined,
  readyFile: undefined,
  printReady: false,
  stopAtEof: false,
  takeOver: false,
};

function quick(pairs: string[], flags: Partial<RunFlags> = {}, faults: string[] = []): Parsed {
  return { kind: "run", source: { kind: "quick", pairs, faults }, flags: { ...PLAIN, ...flags } };
}

function file(path: string, flags: Partial<RunFlags> = {}): Parsed {
  return { kind: "run", source: { kind: "file", path }, flags: { ...PLAIN, ...flags } };
}

const NOWHERE: AdminFlags = { address: undefined, config: undefined, tokenFile: undefined };
const LARGEST: ConnectionOrder = { filter: "", sort: "bytes", isDescending: true };

/** A command for a running proxy, with the arguments as its file parses them. */
type Parsed = Exclude<Command, { kind: "admin" }> | { kind: AdminCommandName; admin: AdminFlags };

const COMMANDS: [args: string[], command: Parsed & Record<string, unknown>][] = [
  [["-c", "a.yaml"], file("a.yaml")],
  [["-c=a.yaml"], file("a.yaml")],
  [["--config", "a.yaml"], file("a.yaml")],
  [["--config=a=b.yaml"], file("a=b.yaml")],
  [["-c", "007"], file("007")],
  [["-c", "check"], file("check")],
  [["5000=db:5432"], quick(["5000=db:5432"])],
  [["5000=1", ":0=unix:/run/a=b.sock"], quick(["5000=1", ":0=unix:/run/a=b.sock"])],
  [["[::1]:5000=[::1]:1"], quick(["[::1]:5000=[::1]:1"])],
  [[":7000-7010=db:5432"], quick([":7000-7010=db:5432"])],
  [["--", "5000=1"], quick(["5000=1"])],
  [["0=1", "--print-ready"], quick(["0=1"], { printReady: true })],
  [["--print-ready", "0=1"], quick(["0=1"], { printReady: true })],
  [["0=1", "--ready-file", "/run/ready"], quick(["0=1"], { readyFile: "/run/ready" })],
  [
    ["-c", "a", "--log-level", "warn", "--log-format=json"],
    file("a", { logLevel: "warn", logFormat: "json" }),
  ],
  [["0=1", "--workers", "4"], quick(["0=1"], { workers: 4 })],
  [["--workers=auto", "0=1"], quick(["0=1"], { workers: "auto" })],
  [["-c", "a", "--workers", "256"], file("a", { workers: 256 })],
  [["0=1", "--seed", "42"], quick(["0=1"], { seed: "42" })],
  [["-c", "a", "--seed=a b"], file("a", { seed: "a b" })],
  [["0=1", "--fault", "down"], quick(["0=1"], {}, ["down"])],
  [["--fault=down", "0=1", "--fault=drip,delay=5ms"], quick(["0=1"], {}, ["down", "drip,delay=5ms"])],
  [["check", "a.yaml"], { kind: "check", path: "a.yaml" }],
  [["check", "5000"], { kind: "check", path: "5000" }],
  [["check", "-c", "a.yaml"], { kind: "check", path: "a.yaml" }],
  [["check", "--config=a.yaml"], { kind: "check", path: "a.yaml" }],
  [["check", "--ready", "9000"], { kind: "ready", url: "9000", timeout: undefined }],
  [["check", "--ready=http://a/readyz", "--timeout", "1s"], {
    kind: "ready",
    url: "http://a/readyz",
    timeout: 1000,
  }],
  [["demo"], { kind: "demo", duration: undefined, flags: PLAIN }],
  [["demo", "--for", "1m30s"], { kind: "demo", duration: 90_000, flags: PLAIN }],
  [["demo", "--log-level=debug"], {
    kind: "demo",
    duration: undefined,
    flags: { ...PLAIN, logLevel: "debug" },
  }],
  [["top"], { kind: "top", admin: NOWHERE, order: LARGEST }],
  [["top", "--admin", "9901", "--filter=db", "--sort", "client"], {
    kind: "top",
    admin: { ...NOWHERE, address: "9901" },
    order: { filter: "db", sort: "client", isDescending: false },
  }],
  [["top", "--sort", "age"], { kind: "top", admin: NOWHERE, order: { ...LARGEST, sort: "age" } }],
  [["top", "--reverse"], { kind: "top", admin: NOWHERE, order: { ...LARGEST, isDescending: false } }],
  [["status"], { kind: "status", admin: NOWHERE, json: false }],
  [["status", "--json", "-c", "a.yaml", "--token-file", "t"], {
    kind: "status",
    admin: { address: undefined, config: "a.yaml", tokenFile: "t" },
    json: true,
  }],
  [["connections"], { kind: "connections", admin: NOWHERE, order: LARGEST, limit: 100, json: false }],
  [["connections", "--limit", "5000", "--sort", "id", "--reverse", "--json"], {
    kind: "connections",
    admin: NOWHERE,
    order: { filter: "", sort: "id", isDescending: true },
    limit: 5000,
    json: true,
  }],
  [["kill", "12"], { kind: "kill", admin: NOWHERE, ids: [12], json: false }],
  [["kill", "12", "7", "12", "--json"], { kind: "kill", admin: NOWHERE, ids: [12, 7], json: true }],
  [["upstream", "db", "10.0.0.1:3306", "drain"], {
    kind: "upstream",
    admin: NOWHERE,
    group: "db",
    endpoint: "10.0.0.1:3306",
    state: "drain",
    json: false,
  }],
  [["fault", "list", "db"], {
    kind: "fault",
    admin: NOWHERE,
    action: "list",
    service: "db",
    name: "",
    settings: {},
    json: false,
  }],
  [["fault", "add", "db", "latency", "latency=1s", "client=a", "client=b", "--json"], {
    kind: "fault",
    admin: NOWHERE,
    action: "add",
    service: "db",
    name: "latency",
    settings: { latency: "1s", client: ["a", "b"] },
    json: true,
  }],
  [["fault", "add", "db", "type=latency,latency=1s,direction=both", "client=a"], {
    kind: "fault",
    admin: NOWHERE,
    action: "add",
    service: "db",
    name: "latency",
    settings: { latency: "1s", direction: "both", client: "a" },
    json: false,
  }],
  [["fault", "update", "db", "slow", "first=null", "match=a=b"], {
    kind: "fault",
    admin: NOWHERE,
    action: "update",
    service: "db",
    name: "slow",
    settings: { first: null, match: "a=b" },
    json: false,
  }],
  [["fault", "remove", "db", "slow"], {
    kind: "fault",
    admin: NOWHERE,
    action: "remove",
    service: "db",
    name: "slow",
    settings: {},
    json: false,
  }],
  [["reload", "--admin=unix:/run/a.sock"], {
    kind: "reload",
    admin: { ...NOWHERE, address: "unix:/run/a.sock" },
  }],
  [["drain"], { kind: "drain", admin: NOWHERE, deadline: undefined }],
  [["drain", "--deadline", "10s"], { kind: "drain", admin: NOWHERE, deadline: 10_000 }],
  [["drain", "--deadline", "0"], { kind: "drain", admin: NOWHERE, deadline: 0 }],
  [["help"], { kind: "help", topic: "sluice" }],
  [["help", "run"], { kind: "help", topic: "sluice" }],
  [["help", "check"], { kind: "help", topic: "check" }],
  [["help", "demo"], { kind: "help", topic: "demo" }],
  [["help", "kill"], { kind: "help", topic: "kill" }],
  [["kill", "--help"], { kind: "help", topic: "kill" }],
  [["upstream", "-h"], { kind: "help", topic: "upstream" }],
  [["-h"], { kind: "help", topic: "sluice" }],
  [["--help", "0=1", "--log-level", "loud"], { kind: "help", topic: "sluice" }],
  [["check", "-h"], { kind: "help", topic: "check" }],
  [["demo", "--help"], { kind: "help", topic: "demo" }],
  [["help", "version"], { kind: "help", topic: "version" }],
  [["version", "--json"], { kind: "version", args: ["--json"] }],
  [["completions", "bash"], { kind: "completions", args: ["bash"] }],
  [["man"], { kind: "man", args: [] }],
  [["-V"], { kind: "version", args: [] }],
  [["-v"], { kind: "version", args: [] }],
  [["version"], { kind: "version", args: [] }],
  [["-c", "-"], file("-")],
  [["check", "-"], { kind: "check", path: "-" }],
  [["--version"], { kind: "version", args: [] }],
];

const MISTAKES: [args: string[], message: string | RegExp, topic: Topic][] = [
  [[], /^Nothing to do: give -c FILE, or listen=upstream such as /, "sluice"],
  [["--print-ready"], /^Nothing to do: /, "sluice"],
  [["-c", "a.yaml", "0=1"], 'Cannot use "0=1" together with -c: put the service into a.yaml', "sluice"],
  [["-c"], "Option -c needs a value", "sluice"],
  [["-c", "--print-ready"], "Option -c needs a value", "sluice"],
  [["--config"], "Option --config needs a value", "sluice"],
  [["-c", "a", "-c", "b"], "Option -c given more than once", "sluice"],
  [["-c", "a", "--config=b"], "Option --config given more than once", "sluice"],
  [["check", "-c", "a", "-c", "b"], "Option -c given more than once", "check"],
  [["-"], 'Unknown argument "-": to read a configuration from standard input: sluice -c -', "sluice"],
  [["versoin"], 'Unknown argument "versoin": did you mean "version"?', "sluice"],
  [["--config="], "Option --config needs a value", "sluice"],
  [["0=1", "--ready-file"], "Option --ready-file needs a value", "sluice"],
  [["fault"], "Nothing to do: expected list, add, update, remove", "fault"],
  [["fault", "lst", "db"], 'Unknown action "lst": did you mean "list"?', "fault"],
  [["fault", "list"], "No service given: sluice status lists them", "fault"],
  [["fault", "list", "db", "x"], 'Unknown argument "x": sluice fault list takes none', "fault"],
  [["fault", "add", "db"], "No type given: sluice fault add db TYPE", "fault"],
  [["fault", "remove", "db"], "No fault given: sluice fault remove db FAULT", "fault"],
  [["fault", "remove", "db", "a", "b"], 'Unknown argument "b": sluice fault remove takes none', "fault"],
  [
    ["fault", "add", "db", "latency", "5s"],
    'Cannot parse "5s": expected key=value such as latency=200ms',
    "fault",
  ],
  [["0=1", "--fault"], "Option --fault needs a value", "sluice"],
  [["0=1", "--fault", "down", "--fault="], "Option --fault needs a value", "sluice"],
  [
    ["0=1", "0=2", "--fault=down"],
    "Cannot use --fault here, it is for LISTEN=UPSTREAM alone: put it into a file, with all services",
    "sluice",
  ],
  [
    ["-c", "a.yaml", "--fault=down"],
    "Cannot use --fault here, it is for LISTEN=UPSTREAM alone: put it into a.yaml",
    "sluice",
  ],
  [
    ["0=1", "--seed", "\t"],
    'Cannot use "\t" for --seed: expected a whole number, or a text of 1 to 64 printable characters',
    "sluice",
  ],
  [["-x", "0=1"], 'Unknown option "-x"', "sluice"],
  [["--bogus", "0=1"], 'Unknown option "--bogus"', "sluice"],
  [["--no-print-ready", "0=1"], 'Unknown option "--no-print-ready": did you mean "--print-ready"?', "sluice"],
  [["--__proto__=x", "0=1"], 'Unknown option "--__proto__=x"', "sluice"],
  [["--for", "3s", "0=1"], 'Unknown option "--for"', "sluice"],
  [
    ["--log-level", "loud", "0=1"],
    /^Cannot use "loud" for --log-level: expected debug, info, warn/,
    "sluice",
  ],
  [["--log-level=warning", "0=1"], 'Cannot use "warning" for --log-level: did you mean "warn"?', "sluice"],
  [["upstream", "a", "b:1", "dwon"], 'Cannot set an endpoint to "dwon": did you mean "down"?', "upstream"],
  [["5000:5432"], 'Unknown argument "5000:5432": did you mean "5000=5432"?', "sluice"],
  [["5000", "db:5432"], 'Unknown argument "5000": did you mean "5000=db:5432"?', "sluice"],
  [["5000", "=", "db:5432"], 'Unknown argument "5000": did you mean "5000=db:5432"?', "sluice"],
  [["run", "-c", "a"], 'Unknown argument "run": leave it out, sluice -c FILE runs a configuration', "sluice"],
  [["start"], 'Unknown argument "start": leave it out, sluice -c FILE runs a configuration', "sluice"],
  [["-c", "a", "b.yaml"], 'Unknown argument "b.yaml": -c a is the one file that is run', "sluice"],
  [["-ca.yaml"], 'Unknown option "-ca.yaml": did you mean "-c a.yaml"?', "sluice"],
  [["-f", "a.yaml"], 'Unknown option "-f": did you mean "-c"?', "sluice"],
  [["--file=a.yaml"], 'Unknown option "--file=a.yaml": did you mean "-c"?', "sluice"],
  [["top", "--sort", "name"], /^Cannot use "name" for --sort: expected bytes, age, /, "top"],
  [["--log-format=xml", "0=1"], /^Cannot use "xml" for --log-format: expected text, json$/, "sluice"],
  [["0=1", "--workers"], "Option --workers needs a value", "sluice"],
  ...["0", "257", "-1", "1.5", "many", "Auto"].map((text): [string[], string, Topic] => [
    ["0=1", `--workers=${text}`],
    `Cannot use "${text}" for --workers: expected a whole number from 1 to 256, or "auto"`,
    "sluice",
  ]),
  [["0=1", "--worker", "2"], 'Unknown option "--worker": did you mean "--workers"?', "sluice"],
  [["demo", "--workers", "2"], 'Unknown option "--workers"', "demo"],
  [["sluice.yml"], /to run a configuration: sluice -c sluice\.yml$/, "sluice"],
  [["frobnicate"], /^Unknown argument "frobnicate": expected a command /, "sluice"],
  [["5000"], /^Unknown argument "5000": expected .* listen=upstream/, "sluice"],
  [["0=1", "db:5432"], /^Unknown argument "db:5432": expected .* listen=upstream/, "sluice"],
  [["chekc"], /^Unknown argument "chekc": did you mean "check"\?$/, "sluice"],
  [["dmeo"], /did you mean "demo"\?/, "sluice"],
  [["hepl"], /did you mean "help"\?/, "sluice"],
  [["check"], "No file given: sluice check FILE", "check"],
  [["check", "a", "b"], "One file at a time, got 2", "check"],
  [["check", "-c", "a", "b"], "One file at a time, got 2", "check"],
  [["check", "a", "--print-ready"], 'Unknown option "--print-ready"', "check"],
  [
    ["check", "a", "--ready", "9000"],
    'Cannot use "a" together with --ready, which asks a running proxy',
    "check",
  ],
  [["check", "a", "--timeout", "1s"], "Cannot use --timeout without --ready", "check"],
  [["demo", "5000"], 'Unknown argument "5000": sluice demo takes none', "demo"],
  [["demo", "--for"], "Option --for needs a value", "demo"],
  [["demo", "--for", "3"], /^Cannot use "3" for --for: .* a unit is missing/, "demo"],
  [["demo", "--ready-file", "a"], 'Unknown option "--ready-file"', "demo"],
  [
    ["help", "me"],
    /^No help about "me": expected one of check, demo, gateway, toxiproxy, toxic, top, .*, drain, version, completions, man$/,
    "sluice",
  ],
  [["help", "statsu"], 'No help about "statsu": did you mean "status"?', "sluice"],
  [["tpo"], 'Unknown argument "tpo": did you mean "top"?', "sluice"],
  [["conections"], 'Unknown argument "conections": did you mean "connections"?', "sluice"],
  [["0=1", "top"], 'Unknown argument "top": a command comes first: sluice top ...', "sluice"],
  [["top", "db"], 'Unknown argument "db": sluice top takes options only', "top"],
  [["top", "--json"], 'Unknown option "--json"', "top"],
  [["top", "--sort", "speed"], /^Cannot use "speed" for --sort: expected bytes, age, id, client/, "top"],
  [["status", "--token", "secret"], /^Unknown option "--token"/, "status"],
  [["status", "--admin"], "Option --admin needs a value", "status"],
  [["connections", "--limit", "0"], /^Cannot use "0" for --limit: expected a whole number/, "connections"],
  [["connections", "--limit", "1e3"], /^Cannot use "1e3" for --limit/, "connections"],
  [["kill"], /^No connection given: sluice kill ID; /, "kill"],
  [["kill", "12", "10.0.0.1:99"], /^Cannot use "10\.0\.0\.1:99" as a connection id/, "kill"],
  [["kill", "9007199254740993"], /^Cannot use "9007199254740993" as a connection id/, "kill"],
  [["kill", "--filter", "db"], 'Unknown option "--filter"', "kill"],
  [["upstream", "db", "10.0.0.1:3306"], /^Three words are needed: sluice upstream GROUP /, "upstream"],
  [["upstream", "db", "a:1", "up", "b:1"], /^Three words are needed: /, "upstream"],
  [["upstream", "db", "a:1", "off"], 'Cannot set an endpoint to "off": expected up, drain, down', "upstream"],
  [["drain", "--deadline", "10"], /^Cannot use "10" for --deadline: .* a unit is missing/, "drain"],
  // One dash introduces one letter: these must not mean anything else.
  [["demo", "-for", "3s"], 'Unknown option "-for": did you mean "--for"?', "demo"],
  [["0=1", "-print-ready"], 'Unknown option "-print-ready": did you mean "--print-ready"?', "sluice"],
  [["-version"], 'Unknown option "-version": did you mean "--version"?', "sluice"],
];

for (const [args, command] of COMMANDS) {
  Deno.test(`parseCommand() takes ${show(args)}`, async () => {
    assert.deepEqual(await parse(args), command);
  });
}

for (const [args, message, topic] of MISTAKES) {
  Deno.test(`parseCommand() refuses ${show(args)}`, async () => {
    await assert.rejects(parse(args), { name: "UsageError", message, topic });
    await assert.rejects(parse(args), UsageError);
  });
}

Deno.test("parseCommand() does not suggest a command for itself when options precede it", () => {
  assert.throws(() => parseCommand(["--log-level", "debug", "check", "a.yaml"]), (error: Error) => {
    assert.ok(error instanceof UsageError);
    assert.doesNotMatch(error.message, /"check": did you mean "check"/);
    return true;
  });
});

Deno.test("parseCommand() does not silently drop one of two values", () => {
  for (const args of [["-c", "a", "-c", "b"], ["0=1", "--log-level", "info", "--log-level", "warn"]]) {
    assert.throws(() => parseCommand(args), { name: "UsageError", message: /more than once/ });
  }
});

Deno.test("withFlags() prefers flags to the configuration, also to that of the quick form", () => {
  const services = [{ name: "a", listen: 0, upstream: "db:1" }];
  const file = decodeConfig({ workers: 2, log: { level: "warn" }, services });
  assert.deepEqual(withFlags(file, PLAIN), file);
  assert.deepEqual(withFlags(file, { ...PLAIN, workers: "auto", logFormat: "json" }), {
    ...file,
    workers: "auto",
    log: { ...file.log, format: "json" },
  });
  assert.equal(withFlags(parseQuickForm(["0=1"]), PLAIN).workers, 1);
  assert.equal(withFlags(parseQuickForm(["0=1"]), { ...PLAIN, workers: 4 }).workers, 4);
});

async function parse(args: string[]): Promise<Parsed> {
  const command = parseCommand(args);
  if (command.kind !== "admin") return command;
  const parsed = parseAdminCommand(command.name, await loadAdminCommand(command.name), command.args);
  if (parsed.kind === "help") return { kind: "help", topic: command.name };
  return { kind: command.name, admin: parsed.admin, ...parsed.request as object };
}

function show(args: string[]): string {
  return args.length === 0 ? "no arguments" : args.join(" ");
}
