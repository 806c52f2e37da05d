/** The Debian package under a systemd that runs: what docs/deploy/install.md and systemd.md say about it. */

import assert from "node:assert/strict";
import { ask, CONFIGURATION, configurationBefore, namedUpstream, printed, serves } from "./deployment.ts";
import { type Machine, machineTest } from "./machine.ts";

machineTest(
  "the package installs a service that is off, keeps it running, and removes it",
  async (machine) => {
    await using server = namedUpstream(machine, "1");
    const deb = await build(machine);
    const [install, check, enable, ...others] = printed("apt install", "install.md").replaceAll("sudo ", "")
      .trimEnd().split("\n");
    assert.deepEqual(others, []);
    await machine.run(install!.replace("./sluice_0.1.0_amd64.deb", deb));
    for (const unit of ["sluice.service", "sluice.socket"]) {
      assert.equal(await machine.show(unit, "UnitFileState"), "disabled");
      assert.equal(await machine.show(unit, "ActiveState"), "inactive");
    }
    await machine.run(check!);
    await machine.run(enable!);
    await machine.write(CONFIGURATION, configurationBefore(machine, server));
    await machine.run("systemctl reload sluice");
    await serves(machine, "1");

    const pid = await machine.show("sluice", "MainPID");
    await machine.run(`dpkg --install ${deb}`);
    assert.equal(await machine.show("sluice", "MainPID"), pid);
    assert.equal(await machine.run(`cat ${CONFIGURATION}`), configurationBefore(machine, server));

    // As the page says: without the lines that install what the package has.
    await machine.write(CONFIGURATION, configurationBefore(machine, server, "systemd:web"));
    await machine.run(printed("install -m 644 sluice.socket").replace(/^install .*\n/, ""));
    await serves(machine, "1");

    await machine.run("dpkg --remove sluice");
    assert.equal(await machine.show("sluice.service", "ActiveState"), "inactive");
    assert.equal(await machine.show("sluice.socket", "ActiveState"), "inactive");
    await assert.rejects(ask(machine), Deno.errors.ConnectionRefused);
    await machine.run(`test -e ${CONFIGURATION}; test ! -e /usr/bin/sluice`);
    await machine.run("dpkg --purge sluice");
    await machine.run(`test ! -e ${CONFIGURATION}; test -d /var/lib/sluice; test -d /var/log/sluice`);
    assert.equal(await machine.show("sluice.service", "LoadState"), "not-found");
  },
  { needs: ["dpkg-deb", "apt"] },
);

/** Builds a package of the program in the machine, and takes the program away from where it was. Returns its path. */
async function build(machine: Machine): Promise<string> {
  const architecture = (await machine.run("dpkg --print-architecture")).trim();
  const deb = await machine.run(`
/opt/sluice/deno run -A --no-config /opt/sluice/source/.github/build/deb.ts --executable /usr/local/bin/sluice \
  --architecture ${architecture} --maintainer "A B <a@b.example>" --output /root`);
  // The index of the man pages of a large system takes a minute to build.
  await machine.run("rm -f /usr/local/bin/sluice /var/lib/man-db/auto-update");
  return deb.trim();
}
