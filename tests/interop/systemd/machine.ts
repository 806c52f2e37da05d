/**
 * A machine whose process 1 is systemd, with this system's files: namespaces, an overlay and a cgroup, which all end with
 * the test. Sluice is at /usr/local/bin/sluice there. Needs Linux, root and systemd.
 */

import { randomBytes, randomInt } from "node:crypto";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { eventually } from "../../support/eventually.ts";
import { type Needs, run } from "../../support/interop.ts";
import { LineReader } from "../../support/peers/line_reader.ts";
import { sluiceCommand } from "../../support/program/program.ts";
import { namespaceTest } from "../servers/network_namespace.ts";

const SCRIPT = fileURLToPath(new URL("machine.sh", import.meta.url));
const SYSTEMD: Needs = {
  needs: ["/lib/systemd/systemd", "systemctl", "journalctl", "unshare", "nsenter", "setsid", "pivot_root"],
  install: "apt-get install systemd util-linux",
};
/** The version of systemd that docs/deploy/systemd.md asks for. */
const OLDEST_VERSION = 250;
/** What the machine shows of the program, readable by every user: home directories are not. */
const PLACE = "/opt/sluice";
const REFUSAL = refusalOfSystem();
/** NaN without systemd, which is another reason to skip tests. */
const VERSION = versionOfSystemd();

interface MachineNeeds {
  /** Programs. */
  readonly needs?: readonly string[];
  /** Of systemd, at least. */
  readonly version?: number;
}

/** As {@linkcode namespaceTest}, for a test with a machine; its journal goes to the error of a test that fails. */
export function machineTest(
  name: string,
  fn: (machine: Machine) => Promise<void>,
  { needs: more = [], version = OLDEST_VERSION }: MachineNeeds = {},
): void {
  const refusal = REFUSAL ?? (VERSION < version ? `needs systemd ${version}, not ${VERSION}` : undefined);
  if (refusal !== undefined) {
    Deno.test({ name: `${name} (skipped: ${refusal})`, ignore: true, fn() {} });
    return;
  }
  namespaceTest(name, { ...SYSTEMD, needs: [...SYSTEMD.needs, ...more] }, async (stack) => {
    const machine = await Machine.boot(stack);
    try {
      await fn(machine);
    } catch (error) {
      const journal = await machine.run("journalctl --no-pager --lines=100").catch(String);
      throw new Error(`${error}\nThe journal of the machine:\n${journal}`, { cause: error });
    }
  });
}

export class Machine implements AsyncDisposable {
  /** The address of this system, as the machine sees it. */
  readonly near: string;
  /** The address of the machine. */
  readonly far: string;
  readonly #guard: Deno.ChildProcess;
  readonly #output: LineReader;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  /** The process id of its systemd, here. */
  #init = "";

  private constructor(name: string) {
    // A network of four addresses from 198.18.0.0/15, the block for measurements (RFC 2544).
    const subnet = `198.${randomInt(18, 20)}.${randomInt(256)}`;
    const first = randomInt(64) * 4;
    this.near = `${subnet}.${first + 1}`;
    this.far = `${subnet}.${first + 2}`;
    // Ctrl-C is for the test: when that has ended, the guard ends the machine.
    this.#guard = new Deno.Command("setsid", {
      args: ["unshare", "--mount", "--net", "--propagation=private", "sh", SCRIPT, "boot", name, ...shown()],
      clearEnv: true,
      env: { PATH: Deno.env.get("PATH") ?? "", LC_ALL: "C" },
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#stdin = this.#guard.stdin.getWriter();
    this.#output = new LineReader(this.#guard.stdout);
  }

  /** On `stack`, with a link to this system. */
  static async boot(stack: AsyncDisposableStack): Promise<Machine> {
    const name = `sluice-${randomBytes(4).toString("hex")}`;
    const machine = stack.use(new Machine(name));
    const line = await machine.#output.find((line) => line.startsWith("init "));
    machine.#init = line.slice("init ".length);
    await machine.#link(name.replace("sluice-", "slc"));
    const state = () => machine.run("systemctl is-system-running").catch(String);
    await eventually("systemd", state, (text) => text === "running\n");
    await machine.write("/usr/local/bin/sluice", launcher(), 0o755);
    return machine;
  }

  /** What a script of sh prints, run by root there. @throws {Error} with its errors when a command of it fails. */
  async run(script: string, input?: string): Promise<string> {
    const enter = ["--target", this.#init, "--mount", "--pid", "--net", "--cgroup"];
    const { text } = await run(
      "nsenter",
      [...enter, "sh", "-e", "-c", script],
      input === undefined ? {} : { input },
    );
    return text;
  }

  async write(path: string, text: string, mode = 0o644): Promise<void> {
    await this.run(`mkdir -p '${dirname(path)}'; cat >'${path}'; chmod ${mode.toString(8)} '${path}'`, text);
  }

  /** The value of a property of a unit. */
  async show(unit: string, property: string): Promise<string> {
    return (await this.run(`systemctl show --property=${property} --value ${unit}`)).trimEnd();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stdin.close().catch(() => {});
    const [{ success }] = await Promise.all([this.#guard.status, this.#output.done]);
    if (!success) throw new Error(`The machine has not ended as it should:\n${this.#output.text}`);
  }

  async #link(name: string): Promise<void> {
    const [ours, theirs] = [`${name}n`, `${name}f`];
    await run("ip", ["link", "add", ours, "type", "veth", "peer", "name", theirs, "netns", this.#init]);
    await run("ip", ["address", "add", `${this.near}/30`, "dev", ours]);
    await run("ip", ["link", "set", ours, "up"]);
    await this.run(`ip address add ${this.far}/30 dev ${theirs}; ip link set ${theirs} up`);
  }
}

/** Why no machine can be made here; undefined when it can, or {@linkcode namespaceTest} gives the reason. */
function refusalOfSystem(): string | undefined {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return undefined;
  const name = `sluice-${randomBytes(4).toString("hex")}`;
  try {
    const { success, stderr } = new Deno.Command("unshare", {
      args: ["--mount", "--net", "--pid", "--fork", "--propagation=private", "sh", SCRIPT, "probe", name],
      stdin: "null",
    }).outputSync();
    const reason = new TextDecoder().decode(stderr).trim().replaceAll(/\s+/g, " ");
    return success ? undefined : `no systemd can run in namespaces here: ${reason}`;
  } catch {
    // A program is not there: that is another reason.
    return undefined;
  }
}

function versionOfSystemd(): number {
  try {
    const { stdout } = new Deno.Command("systemctl", { args: ["--version"] }).outputSync();
    return Number(/^systemd (\d+)/.exec(new TextDecoder().decode(stdout))?.[1]);
  } catch {
    return NaN;
  }
}

/** The arguments of the script for what {@linkcode launcher} runs. */
function shown(): string[] {
  return places().map(([here, there]) => `${here}=${there}`);
}

/** What the program needs: where it is here, and where in the machine. */
function places(): [here: string, there: string][] {
  const given = Deno.env.get("SLUICE_BIN") || Deno.env.get("SLUICE_MAIN");
  return [
    [Deno.execPath(), join(PLACE, "deno")],
    [cache(), join(PLACE, "cache")],
    ...given ? [[dirname(resolve(given)), join(PLACE, "program")] as [string, string]] : [],
    [dirname(dirname(dirname(dirname(SCRIPT)))), join(PLACE, "source")],
  ];
}

function cache(): string {
  const home = Deno.env.get("XDG_CACHE_HOME") ?? join(Deno.env.get("HOME") ?? "/root", ".cache");
  return Deno.env.get("DENO_DIR") ?? join(home, "deno");
}

/** A program that becomes sluice, as the tests run it, with the paths of the machine. */
function launcher(): string {
  const moved = sluiceCommand().map((part) => {
    const path = part === Deno.env.get("SLUICE_BIN") ? resolve(part) : part;
    const place = places().find(([here]) => path === here || path.startsWith(`${here}/`));
    return place === undefined ? path : place[1] + path.slice(place[0].length);
  });
  return `#!/bin/sh\nexport DENO_DIR=${PLACE}/cache DENO_NO_UPDATE_CHECK=1\nexec ${moved.join(" ")} "$@"\n`;
}
