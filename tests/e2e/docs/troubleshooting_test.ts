/** The messages in docs/troubleshooting.md about first tries are those that sluice prints. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { freePort } from "../../support/servers/server_home.ts";
import { LineReader } from "../../support/peers/line_reader.ts";
import { echo, upstream } from "../../support/peers/sockets.ts";
import { temporaryDirectory } from "../../support/program/directory.ts";
import { runSluice, Sluice, sluiceCommand } from "../../support/program/program.ts";
import { readDoc } from "../../support/docs/tables.ts";

/** Their causes are another user than root, a name server, an authority or ten seconds: other tests have them. */
const ELSEWHERE = new Set([
  "Cannot listen on …: permission denied", // tests/unit/net/socket
  'storage: Cannot use "…": permission denied',
  'key: Cannot read "…": permission denied',
  "no A or AAAA record", // tests/e2e/upstream/discovery_test.ts
  "invalid peer certificate",
  "Cannot take over, not ready after … s", // tests/unit/runtime/control/start_until_ready_test.ts
  "did not answer … (if it hangs, end it and start without --take-over)", // tests/unit/runtime/admin/predecessor_test.ts
]);

/** A file that check refuses, or warns about. */
function service(keys: string): string {
  return `services:\n  - { name: a, listen: 127.0.0.1:0, upstream: "127.0.0.1:1", ${keys} }\n`;
}

function group(keys: string): string {
  return `services:\n  - { name: a, listen: 127.0.0.1:0, upstream: { ${keys} } }\n`;
}

function acme(keys: string): string {
  return `{ agree_to_terms: true, storage: store, names: [a.example.com], ${keys} }`;
}

const REFUSED = [
  group('endpoints: ["127.0.0.1:1"], discovery: { file: wrong.json }'),
  group("discovery: { dns: a }"),
  group('endpoints: ["10.0.0.1:5432"], discovery: { dns: a }'),
  group('endpoints: ["_db._tcp.example.com:5432"], discovery: { dns: srv }'),
  group("discovery: { file: wrong.json }"),
  service("tls: { acme: { agree_to_terms: false, storage: store, names: [a.example.com] } }"),
  service("tls: { acme: { agree_to_terms: true, names: [a.example.com] } }"),
  service('tls: { acme: { agree_to_terms: true, storage: store, names: ["*.example.com", "10.0.0.1"] } }'),
  service(`tls: { cert: a.pem, key: a.pem, acme: ${acme("")} }`),
  service(`tls: { acme: ${acme("")} }`),
  `admin: { listen: systemd:web }\n${service("")}`,
  service("faults: [{ type: latency, latency: 200 }, { type: latency, latency: 1s, probability: 50 }]"),
];

Deno.test({
  name: "each message of a first try in docs/troubleshooting.md is one that sluice prints",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using directory = await temporaryDirectory();
    const said = [
      await whatCheckSays(directory.path),
      await whatStartsSay(directory.path),
      await whatTakeOversSay(directory.path),
      await whatSourcesSay(directory.path),
      await whatFaultsSay(),
    ].join("\n");
    const messages = messagesOf(readDoc("troubleshooting.md"));
    assert.ok(messages.length >= 35, `only ${messages.length} messages`);
    const missing = messages.filter((each) => !ELSEWHERE.has(each) && !patternOf(each).test(said));
    assert.deepEqual(missing, [], said);
    for (const message of ELSEWHERE) assert.ok(messages.includes(message), `${message} is not in the page`);
  },
});

/** What the first columns of the tables quote. */
function messagesOf(page: string): string[] {
  const [, section = ""] = /\n## Discovery, ACME,[^\n]*\n([^]*?)\n## /.exec(page) ?? [];
  const cells = section.split("\n").flatMap((line) => /^\| (`.*?) \| /.exec(line)?.[1] ?? []);
  return cells.flatMap((cell) => Array.from(cell.matchAll(/`([^`]+)`/g), ([, text]) => text!));
}

/** `…` stands for anything on a line. */
function patternOf(message: string): RegExp {
  return new RegExp(message.split("…").map(RegExp.escape).join(".*"));
}

async function whatCheckSays(folder: string): Promise<string> {
  await Deno.writeTextFile(join(folder, "wrong.json"), "{}");
  const said: string[] = [];
  for (const yaml of REFUSED) {
    const file = await writtenIn(folder, yaml);
    const { stdout, stderr } = await runSluice(["check", file]);
    said.push(stdout, stderr);
  }
  return said.join("\n");
}

async function whatStartsSay(folder: string): Promise<string> {
  await using busy = upstream(echo);
  const onSocket = service("").replace("127.0.0.1:0", "systemd:web");
  const passed = 'LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=other exec "$@" 3</dev/null';
  await Deno.writeTextFile(join(folder, "file"), "");
  return [
    await failure(folder, onSocket),
    await failure(folder, onSocket, [], ["sh", "-c", passed, "sh"]),
    await failure(folder, `log: { access: { path: none/access.log } }\n${service("")}`),
    await failure(folder, service(`tls: { acme: ${acme("").replace("store", "file")} }`)),
    await failure(folder, service("").replace("127.0.0.1:0", busy.address)),
    (await runSluice(["-c", await writtenIn(folder, service("")), "--fault", "refuse"])).stderr,
  ].join("\n");
}

async function whatTakeOversSay(folder: string): Promise<string> {
  await using running = await Sluice.withConfig(
    `admin: { listen: 127.0.0.1:0, token: one-that-differs }\n${service("")}`,
  );
  await using stranger = upstream(async (conn) => {
    await conn.read(new Uint8Array(1024));
    await conn.write(new TextEncoder().encode("-ERR unknown command\r\n"));
  });
  const takeOver = (admin: string) => failure(folder, `admin: ${admin}\n${service("")}`, ["--take-over"]);
  const unstable = sluiceCommand().indexOf("--unstable-net");
  const stable = sluiceCommand({ isStable: true });
  const file = await writtenIn(folder, `admin: { listen: 127.0.0.1:0 }\n${service("")}`);
  return [
    await failure(folder, service(""), ["--take-over"]),
    await takeOver(`{ listen: "unix:${join(folder, "none.sock")}" }`),
    await takeOver(`{ listen: "${running.ready.admin}" }`),
    await takeOver(`{ listen: "${stranger.address}" }`),
    // An executable always has the option.
    unstable === -1
      ? "two programs can listen on one address only on Linux"
      : await outputOf([...stable, "-c", file, "--take-over"]),
  ].join("\n");
}

async function whatSourcesSay(folder: string): Promise<string> {
  await using forbidden = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, () =>
    Response.json({
      kind: "Status",
      code: 403,
      reason: "Forbidden",
      message:
        'endpointslices.discovery.k8s.io is forbidden: User "system:serviceaccount:default:sluice" cannot list',
    }, { status: 403 }));
  const closed = `127.0.0.1:${freePort()}`;
  const groups = {
    consul: `discovery: { consul: { service: db, address: "http://${closed}" } }`,
    names: `endpoints: ["db.example.com:5432"], discovery: { dns: a, server: "${closed}" }`,
    pod: "discovery: { kubernetes: { service: db } }",
    cluster:
      `discovery: { kubernetes: { service: db, namespace: a, server: "http://127.0.0.1:${forbidden.addr.port}" } }`,
    none: `discovery: { file: "${join(folder, "none.json")}" }`,
  };
  await Deno.writeTextFile(join(folder, "none.json"), "[]");
  const upstreams = Object.entries(groups).map(([name, keys]) => `  ${name}: { ${keys} }\n`).join("");
  const services = Object.keys(groups).map((name) =>
    `  - { name: s-${name}, listen: 127.0.0.1:0, upstream: ${name} }\n`
  );
  const ordered = `  - { name: shop, listen: 127.0.0.1:0, upstream: none, tls: { acme: ${
    acme(`directory: "https://${closed}/directory"`).replace("store", join(folder, "store"))
  } } }\n`;
  await using sluice = await Sluice.withConfig(
    `log: { format: json }\nadmin: { listen: 127.0.0.1:0 }\nupstreams:\n${upstreams}services:\n${
      services.join("")
    }${ordered}`,
  );
  await sluice.loggedEvents("discovery_failed", 4);
  await sluice.loggedEvents("discovery_empty", 1);
  await sluice.loggedEvents("acme_failed", 1);
  const status = await runSluice(["status", "--admin", sluice.ready.admin!]);
  const events = ["discovery_failed", "discovery_empty", "acme_waiting", "acme_failed"];
  const lines = events.flatMap((event) =>
    sluice.events(event).map((fields) => Object.values(fields).join(" "))
  );
  return [...lines, status.stdout].join("\n");
}

async function whatFaultsSay(): Promise<string> {
  const ask = async (sluice: Sluice, ...words: string[]) =>
    (await runSluice(["fault", ...words, "--admin", sluice.ready.admin!])).stderr;
  await using without = await Sluice.withConfig(`admin: { listen: 127.0.0.1:0 }\n${service("")}`);
  await using allowed = await Sluice.withConfig(
    `faults: true\nadmin: { listen: 127.0.0.1:0 }\n${service("")}`,
  );
  return [
    await ask(without, "add", "a", "refuse"),
    await ask(without, "list", "db"),
    await ask(allowed, "update", "a", "latency", "latency=1s"),
  ].join("\n");
}

async function writtenIn(folder: string, yaml: string): Promise<string> {
  const file = join(folder, "sluice.yaml");
  await Deno.writeTextFile(file, yaml);
  return file;
}

/** What a start that fails says. */
async function failure(
  folder: string,
  yaml: string,
  options: readonly string[] = [],
  wrapper: readonly string[] = [],
): Promise<string> {
  return await outputOf([...wrapper, ...sluiceCommand(), "-c", await writtenIn(folder, yaml), ...options]);
}

async function outputOf([command, ...args]: readonly string[]): Promise<string> {
  await using child = new Deno.Command(command!, {
    args,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
  const errors = new LineReader(child.stderr);
  const tooLong = setTimeout(() => child.kill("SIGKILL"), 30_000);
  const { code } = await child.status;
  clearTimeout(tooLong);
  await errors.done;
  assert.notEqual(code, 0, errors.text);
  return errors.text;
}
