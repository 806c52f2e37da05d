/** The service unit under a systemd that runs: what docs/deploy/systemd.md says about it. */

import assert from "node:assert/strict";
import { CertificateAuthority, OPENSSL } from "../../support/certificates.ts";
import { eventually } from "../../support/eventually.ts";
import { readText } from "../../support/peers/sockets.ts";
import {
  ask,
  CONFIGURATION,
  configurationBefore,
  dropIn,
  enter,
  install,
  namedUpstream,
  PORT,
  printed,
  serves,
} from "./deployment.ts";
import { type Machine, machineTest } from "./machine.ts";

/** CAP_NET_BIND_SERVICE alone (linux/capability.h). */
const NET_BIND_SERVICE = "0000000000000400";
/** LimitNOFILE= of the unit. */
const OPEN_FILES = 1_048_576;

machineTest(
  "systemd runs sluice as a user of its own, who may bind port 443 and write its folders",
  async (machine) => {
    await using first = namedUpstream(machine, "1");
    await install(machine, configurationBefore(machine, first));
    // `enable --now` waits for READY=1.
    assert.equal(await ask(machine), "1");
    assert.equal(await machine.show("sluice", "ActiveState"), "active");
    assert.equal(await machine.show("sluice", "NotifyAccess"), "main");
    assert.match(await machine.show("sluice", "StatusText"), /^\d connections? of 1 service$/);
    const pid = await machine.show("sluice", "MainPID");
    const status = await machine.run(`cat /proc/${pid}/status`);
    assert.match(status, new RegExp(`^CapEff:\\t${NET_BIND_SERVICE}$`, "m"));
    assert.match(status, /^NoNewPrivs:\t1$/m);
    assert.match(status, /^Seccomp:\t2$/m);
    assert.equal(await machine.show("sluice", "LimitNOFILE"), String(OPEN_FILES));
    const allowed = Math.min(OPEN_FILES, (await openFilesOf(machine, "1")).hard);
    assert.deepEqual(await openFilesOf(machine, pid), { soft: allowed, hard: allowed });
    const owners = await machine.run(
      `stat --format='%n %U %a' /proc/${pid} /var/lib/private/sluice /var/log/private/sluice /run/sluice`,
    );
    assert.equal(
      owners,
      `/proc/${pid} sluice 555
/var/lib/private/sluice sluice 700
/var/log/private/sluice sluice 755
/run/sluice sluice 755
`,
    );
  },
);

machineTest("the commands of the page reload sluice, reopen its log and stop it", async (machine) => {
  await using first = namedUpstream(machine, "1");
  await using second = namedUpstream(machine, "2");
  await install(machine, configurationBefore(machine, first));
  const [status, reload, reopen, stop, ...others] = printed("systemctl reload sluice").trimEnd().split("\n");
  assert.deepEqual(others, []);
  assert.match(await enter(machine, status!), /Status: "\d connections? of 1 service"/);
  const pid = await machine.show("sluice", "MainPID");

  await machine.write(CONFIGURATION, configurationBefore(machine, second));
  await enter(machine, reload!);
  await serves(machine, "2");
  await machine.write(CONFIGURATION, "services: []\n");
  await enter(machine, reload!);
  await statusBecomes(machine, /^The last reload was refused/);
  assert.equal(await ask(machine), "2");

  const log = "/var/log/sluice/access.log";
  await machine.run(`mv ${log} ${log}.1`);
  await enter(machine, reopen!);
  await eventually("a new log", () => machine.run(`ls ${log}`).catch(String), (text) => text === `${log}\n`);
  assert.equal(await machine.show("sluice", "MainPID"), pid);

  await enter(machine, stop!);
  assert.equal(await machine.show("sluice", "ActiveState"), "inactive");
  assert.equal(await machine.show("sluice", "Result"), "success");
  assert.match(await machine.run("journalctl --no-pager --unit=sluice"), /event=stopped/);
});

machineTest(
  "systemd restarts a sluice that was killed or hangs, and none with a bad configuration",
  async (machine) => {
    await using server = namedUpstream(machine, "1");
    const configuration = configurationBefore(machine, server);
    await install(machine, configuration);
    await machine.run("systemctl kill --signal=KILL sluice");
    await restarted(machine, 1);

    await dropIn(machine, "WatchdogSec=4s", "LimitCORE=0");
    await machine.run("systemctl restart sluice");
    const start = await machine.show("sluice", "WatchdogTimestampMonotonic");
    const ping = await watchdogAfter(machine, start);
    await watchdogAfter(machine, ping);
    assert.equal(await machine.show("sluice", "NRestarts"), "0");
    await machine.run("systemctl kill --signal=STOP sluice");
    await restarted(machine, 1);
    assert.match(await machine.run("journalctl --no-pager --unit=sluice"), /Watchdog timeout/);

    await machine.write(CONFIGURATION, configuration.replace("upstream", "upstraem"));
    await assert.rejects(machine.run("systemctl restart sluice"), /exit|fail/i);
    assert.equal(await machine.show("sluice", "ActiveState"), "failed");
    assert.equal(await machine.show("sluice", "ExecMainStatus"), "2");
    assert.match(await machine.run("journalctl --no-pager --unit=sluice"), /services\[0\].*upstraem/);
  },
);

machineTest("sluice reads a key that only root may read as a credential", async (machine) => {
  await using server = namedUpstream(machine, "1");
  await using authority = await CertificateAuthority.create();
  const { cert, key } = await authority.issue({ name: "proxy", names: [`IP:${machine.far}`] });
  await machine.write("/etc/sluice/proxy.pem", await Deno.readTextFile(cert));
  await machine.write("/etc/ssl/private/proxy.key", await Deno.readTextFile(key), 0o600);
  await machine.write("/etc/systemd/system/sluice.service.d/key.conf", printed("LoadCredential="));
  await install(
    machine,
    `services:
  - name: web
    listen: ":${PORT}"
    upstream: "${machine.near}:${server.port}"
    tls: { cert: /etc/sluice/proxy.pem, key: "\${CREDENTIALS_DIRECTORY}/key.pem" }
`,
  );
  const caCerts = [await Deno.readTextFile(authority.cert)];
  using client = await Deno.connectTls({ hostname: machine.far, port: PORT, caCerts });
  assert.equal(await readText(client, 1), "1");
}, OPENSSL);

machineTest("a reload by Type=notify-reload waits until it is done", async (machine) => {
  await using first = namedUpstream(machine, "1");
  await using second = namedUpstream(machine, "2");
  await install(machine, configurationBefore(machine, first));
  await dropIn(machine, "Type=notify-reload", "ExecReload=");
  await machine.run("systemctl restart sluice");
  for (const [server, name] of [[second, "2"], [first, "1"], [second, "2"]] as const) {
    await machine.write(CONFIGURATION, configurationBefore(machine, server));
    await machine.run("systemctl reload sluice");
    assert.equal(await ask(machine), name);
  }
}, { version: 253 });

/** How many files a process may open. A service gets no more than the systemd of the machine may. */
async function openFilesOf(machine: Machine, pid: string): Promise<{ soft: number; hard: number }> {
  const limits = await machine.run(`cat /proc/${pid}/limits`);
  const [, soft, hard] = /^Max open files +(\d+) +(\d+) /m.exec(limits)!;
  return { soft: Number(soft), hard: Number(hard) };
}

async function statusBecomes(machine: Machine, text: RegExp): Promise<void> {
  await eventually(
    `status ${text}`,
    () => machine.show("sluice", "StatusText"),
    (status) => text.test(status),
  );
}

/** Resolves once systemd has heard of sluice since this time; returns when that was. */
function watchdogAfter(machine: Machine, time: string): Promise<string> {
  const read = () => machine.show("sluice", "WatchdogTimestampMonotonic");
  return eventually("a report to the watchdog", read, (last) => last !== time);
}

/** Resolves when systemd has restarted sluice this many times, and it serves. */
async function restarted(machine: Machine, times: number): Promise<void> {
  await eventually(
    "a restart",
    () => machine.show("sluice", "NRestarts"),
    (count) => count === String(times),
  );
  await serves(machine, "1");
}
