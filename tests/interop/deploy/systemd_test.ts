/** The unit files of docs/deploy, as far as that goes without a running systemd. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { eventually } from "../../support/eventually.ts";
import { interopTest, type Needs, run } from "../../support/interop.ts";
import { NotifySocket } from "../../support/program/notify_socket.ts";
import { Sluice, within } from "../../support/program/program.ts";
import { connect, echo, readText, upstream, writeText } from "../../support/peers/sockets.ts";
import { namespaceTest } from "../servers/network_namespace.ts";
import { unitSandbox } from "./unit_sandbox.ts";

const DEPLOY = fileURLToPath(new URL("../../../docs/deploy/", import.meta.url));
const UNIT = join(DEPLOY, "sluice.service");
const SYSTEMD: Needs = { needs: ["systemd-analyze"], install: "apt-get install systemd" };
const SOON = 20_000;
/** The exposure that `systemd-analyze security` may find, of 100; 16 with version 252. */
const EXPOSURE = 20;

interopTest("systemd finds no mistake in the units, and little exposure", SYSTEMD, async (stack) => {
  const folder = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const units = [];
  for (const name of ["sluice.service", "sluice.socket"]) {
    const text = await Deno.readTextFile(join(DEPLOY, name));
    // The program that the unit names has to exist.
    await Deno.writeTextFile(join(folder, name), text.replaceAll("/usr/local/bin/sluice", "/bin/true"));
    units.push(join(folder, name));
  }
  const { stderr } = await run("systemd-analyze", ["verify", "--man=no", ...units]);
  assert.equal(stderr, "");
  const options = ["--offline=yes", "--no-pager", `--threshold=${EXPOSURE}`];
  const { text } = await run("systemd-analyze", ["security", ...options, units[0]!]);
  assert.match(text, /Overall exposure level for sluice\.service: \d/);
});

namespaceTest(
  "sluice serves, reloads and stops with the restrictions of its unit, and the signals of systemd",
  {
    needs: ["systemd-analyze", "setpriv", "unshare", "setsid", "python3"],
    install: "apt-get install systemd",
  },
  async (stack) => {
    const server = stack.use(upstream(echo));
    const folder = await Deno.makeTempDir();
    stack.defer(() => Deno.remove(folder, { recursive: true }));
    const yaml = `
workers: 2
admin: { listen: "unix:${join(folder, "admin.sock")}" }
log: { access: { path: "${join(folder, "access.log")}" } }
services:
  - { name: test, listen: 127.0.0.1:0, upstream: "localhost:${server.port}" }
  - { name: node, listen: 127.0.0.1:0, upstream: "127.0.0.1:${server.port}", reset: pass }
`;
    const file = join(folder, "sluice.yaml");
    await Deno.writeTextFile(file, yaml);
    const path = join(folder, "notify");
    const manager = stack.use(new NotifySocket(path));
    const options = { wrapper: ["setsid", ...unitSandbox(UNIT)], env: { NOTIFY_SOCKET: path }, workers: 1 };
    const sluice = stack.use(await Sluice.start(["-c", file], options));
    await manager.hears("READY=1\nSTATUS=0 connections of 2 services");
    const status = await Deno.readTextFile(`/proc/${sluice.pid}/status`);
    assert.match(status, /^NoNewPrivs:\t1$/m);
    assert.match(status, /^Seccomp:\t2$/m);
    assert.match(status, /^CapEff:\t0000000000000400$/m);
    for (const service of [0, 1]) {
      using client = await connect(sluice.port(service));
      await writeText(client, "hello");
      assert.equal(await readText(client, 5), "hello");
    }
    await Deno.writeTextFile(file, yaml.replace("name: node", "name: other"));
    sluice.kill("SIGHUP");
    await within(SOON, "a reload", sluice.logged("event=reloaded"));
    await manager.hears("READY=1\nSTATUS=Reloaded");
    // `systemctl kill` signals all processes.
    const log = join(folder, "access.log");
    await Deno.rename(log, `${log}.1`);
    sluice.killGroup("SIGUSR2");
    await eventually("a new file", () => Deno.stat(log).catch(() => undefined), (info) => info !== undefined);
    // KillMode=mixed: SIGTERM to the main process, and SIGCONT, in case it was suspended.
    sluice.kill("SIGTERM");
    sluice.kill("SIGCONT");
    const { code, stderr } = await within(SOON, "the end", sluice.ended());
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stderr, /EPERM|not permitted|permission/i);
  },
);
