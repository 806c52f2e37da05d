/** Errors name a shortage of this machine, even after several addresses: the upstream is not at fault. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const isLinux = Deno.build.os === "linux";

/** Runs a program with ports 30000 to 30003 to connect from, in a network of its own. */
const FEW_PORTS = [
  ...["unshare", "--map-root-user", "--net", "sh", "-c"],
  'ip link set lo up && echo 30000 30003 > /proc/sys/net/ipv4/ip_local_port_range && exec "$@"',
  "sh",
] as const;

Deno.test({
  name: "a process without descriptors reports that, whichever address it tries (needs Linux)",
  ignore: !isLinux,
  fn: async () => {
    const [code, side, connected] = await shortage(["prlimit", "--nofile=64"]);
    assert.deepEqual([code, side], ["too_many_open_files", "proxy"]);
    assert.ok(Number(connected) > 0);
  },
});

Deno.test({
  name:
    "a machine without ports to connect from reports that, after it has tried every address (needs unshare and ip)",
  ignore: !isLinux || !await canRestrict(),
  fn: async () => {
    const [code, side, connected] = await shortage(FEW_PORTS);
    assert.deepEqual([code, side], ["address_not_available", "proxy"]);
    // The listener has one of the four; connections to two addresses can share those that are left.
    assert.ok(Number(connected) > 3 && Number(connected) <= 8, `${connected} connections`);
  },
});

async function shortage([command, ...args]: readonly [string, ...string[]]): Promise<string[]> {
  const program = fileURLToPath(new URL("./shortage_program.ts", import.meta.url));
  const output = await new Deno.Command(command, {
    args: [...args, Deno.execPath(), "run", "-A", "--quiet", "--no-check", "--no-config", program],
    env: { NO_COLOR: "1" },
  }).output();
  assert.equal(output.code, 0, new TextDecoder().decode(output.stderr));
  return new TextDecoder().decode(output.stdout).trim().split(" ");
}

async function canRestrict(): Promise<boolean> {
  const [command, ...args] = FEW_PORTS;
  try {
    const trial = new Deno.Command(command, { args: [...args, "true"], stdout: "null", stderr: "null" });
    return (await trial.output()).success;
  } catch {
    return false;
  }
}
