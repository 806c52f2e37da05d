/** A network namespace, which servers and clients see as another host. Needs Linux and root. */

import { randomBytes, randomInt } from "node:crypto";
import { join } from "node:path";
import { interopTest, type Needs, run } from "../../support/interop.ts";

/** Capabilities of Linux by number (linux/capability.h): to set up networks, and namespaces with their mounts. */
const CAP_NET_ADMIN = 12n;
const CAP_SYS_ADMIN = 21n;

/** As {@linkcode interopTest}, for tests that make a namespace. */
export function namespaceTest(
  name: string,
  { needs, install }: Needs,
  fn: (stack: AsyncDisposableStack) => Promise<void>,
): void {
  if (mayMakeNamespaces()) {
    interopTest(name, { needs: [...needs, "ip", "mount", "sh"], install: `${install} iproute2` }, fn);
  } else Deno.test({ name: `${name} (skipped: needs root on Linux)`, ignore: true, fn() {} });
}

export class NetworkNamespace implements AsyncDisposable {
  readonly name: string;
  /** Two addresses of this machine from which it can be reached. It sees them as two hosts with names. */
  readonly near: readonly [string, string];
  /** Its own address. */
  readonly far: string;
  readonly #directory: string;

  private constructor(name: string, subnet: string, firstHost: number, directory: string) {
    this.name = name;
    this.near = [`${subnet}.${firstHost}`, `${subnet}.${firstHost + 1}`];
    this.far = `${subnet}.${firstHost + 2}`;
    this.#directory = directory;
  }

  /** Makes a namespace on `stack`, with a link to this machine. */
  static async make(stack: AsyncDisposableStack): Promise<NetworkNamespace> {
    const name = `sluice-${randomBytes(4).toString("hex")}`;
    // A network of eight addresses from 198.18.0.0/15, the block for measurements (RFC 2544).
    const subnet = `198.${randomInt(18, 20)}.${randomInt(256)}`;
    const directory = await Deno.makeTempDir({ prefix: "sluice-interop-" });
    const namespace = stack.use(new NetworkNamespace(name, subnet, randomInt(32) * 8 + 1, directory));
    await namespace.#setUp();
    return namespace;
  }

  /** The command that runs a program in it, given by its path. */
  command(program: string, args: string[]): { program: string; args: string[] } {
    // `ip netns exec` gives it mounts of its own, so that it has its own /etc/hosts.
    const script = 'mount --bind "$0" /etc/hosts && exec "$@"';
    return {
      program: "ip",
      args: ["netns", "exec", this.name, "sh", "-c", script, this.#hosts, program, ...args],
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // This deletes its links too.
    await run("ip", ["netns", "delete", this.name]);
    await Deno.remove(this.#directory, { recursive: true });
  }

  get #hosts(): string {
    return join(this.#directory, "hosts");
  }

  async #setUp(): Promise<void> {
    const names = this.near.map((address, index) => `${address} host${index + 1}.example\n`);
    await Deno.writeTextFile(this.#hosts, `127.0.0.1 localhost\n${names.join("")}`);
    const [ours, theirs] = [`${this.name}n`, `${this.name}f`].map((name) => name.replace("sluice-", "slc"));
    await run("ip", ["netns", "add", this.name]);
    await run("ip", ["link", "add", ours!, "type", "veth", "peer", "name", theirs!, "netns", this.name]);
    for (const address of this.near) await run("ip", ["address", "add", `${address}/29`, "dev", ours!]);
    await run("ip", ["-n", this.name, "address", "add", `${this.far}/29`, "dev", theirs!]);
    await run("ip", ["-n", this.name, "link", "set", "lo", "up"]);
    await run("ip", ["-n", this.name, "link", "set", theirs!, "up"]);
    await run("ip", ["link", "set", ours!, "up"]);
  }
}

function mayMakeNamespaces(): boolean {
  if (Deno.build.os !== "linux") return false;
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(Deno.readTextFileSync("/proc/self/status"))?.[1] ?? "0";
  return [CAP_NET_ADMIN, CAP_SYS_ADMIN].every((bit) => (BigInt(`0x${effective}`) >> bit) % 2n === 1n);
}
