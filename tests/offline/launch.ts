/**
 * Starts deno with the real `@std` packages where JSR can be reached, and with the stand-ins of this folder where
 * it cannot. The tasks in deno.json run it:
 *
 *     deno run --no-config -A tests/offline/launch.ts <deno subcommand> [its arguments]
 *
 * - Flags with a value are written `--flag=value`. A `run` without permissions gets those of sluice.
 * - `run` starts in the directory from which `deno task` was called, everything else in that of deno.json.
 * - The choice is made once. SLUICE_IMPORT_MAP passes it on to child processes: the path of an import map, or empty for
 *   the real packages. Tests that start `deno run` themselves pass it on too.
 * - The result is kept in Deno's cache: JSR is asked only when packages are missing there, and once an hour while it
 *   cannot be reached.
 *
 * This file imports nothing from a registry, because it must run without one.
 */

import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { PERMISSIONS } from "../../.github/build/permissions.ts";
import denoJson from "../../deno.json" with { type: "json" };
import offline from "./import_map.json" with { type: "json" };
import { Memory } from "./memory.ts";
import { TestGroups } from "./test_groups.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const CONFIG = resolve(ROOT, "deno.json");
const OFFLINE_IMPORT_MAP = fileURLToPath(new URL("import_map.json", import.meta.url));
const PROBE_TIMEOUT_MS = 3_000;

if (import.meta.main) Deno.exit(await main(Deno.args));

async function main([subcommand, ...args]: readonly string[]): Promise<number> {
  // By default, these signals would end this process, and leave the child behind or never start it.
  if (Deno.build.os !== "windows") {
    for (const signal of ["SIGHUP", "SIGUSR2"] as const) Deno.addSignalListener(signal, () => {});
  }
  if (subcommand === undefined) {
    printLine("Usage: launch.ts <deno subcommand> [arguments]");
    return 2;
  }
  const importMap = Deno.env.get("SLUICE_IMPORT_MAP") ?? await chooseImportMap(subcommand);
  const flags = ["--config", CONFIG, ...importMap ? ["--import-map", importMap] : []];
  if (subcommand === "test" && args.includes("--grouped")) {
    await using groups = await TestGroups.write(args.filter((arg) => arg !== "--grouped"), ROOT);
    return await runDeno(["test", ...flags, ...groups.args], ROOT, importMap);
  }
  if (subcommand !== "run") return await runDeno([subcommand, ...flags, ...args], ROOT, importMap);

  // The first argument that is no flag is the script. Its path is relative to this directory, those in its arguments to
  // the caller's.
  const scriptAt = args.findIndex((arg) => !arg.startsWith("-"));
  const before = scriptAt < 0 ? args : args.slice(0, scriptAt);
  const script = scriptAt < 0 ? [] : [resolve(args[scriptAt]!), ...args.slice(scriptAt + 1)];
  const hasPermissions = before.some((flag) => /^(-A|--allow-.*|-P.*|--permission-set.*)$/.test(flag));
  if (!hasPermissions) flags.push(...PERMISSIONS);
  const callersDirectory = Deno.env.get("INIT_CWD") ?? Deno.cwd();
  return await runDeno(["run", ...flags, ...before, ...script], callersDirectory, importMap);
}

/** The import map to use: "" for that of deno.json, else a path, which it announces. */
async function chooseImportMap(subcommand: string): Promise<string> {
  const question = [Deno.version.deno, registryUrl(), subcommand === "run", denoJson.imports];
  const memory = await Memory.about(question);
  if (memory.isCached) return "";
  if (!memory.isUnreachable) {
    if (await isCached(subcommand)) {
      await memory.keep({ cached: true });
      return "";
    }
    if (await canReachJsr()) return "";
    await memory.keep({ unreachableAt: Date.now() });
  }
  printLine(
    "sluice: JSR cannot be reached and its packages are not cached; the stand-ins in tests/offline are used",
  );
  return OFFLINE_IMPORT_MAP;
}

function registryUrl(): string {
  return (Deno.env.get("JSR_URL") ?? "https://jsr.io").replace(/\/?$/, "/");
}

function printLine(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}

async function canReachJsr(): Promise<boolean> {
  try {
    const response = await fetch(new URL("@std/cli/meta.json", registryUrl()), {
      signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
    });
    // The page of a gateway in between is not JSR's answer: it has no versions.
    return response.ok && typeof (await response.json()).versions === "object";
  } catch {
    return false;
  }
}

/** Whether Deno's cache has all of the JSR packages; checking types needs more files than running. */
async function isCached(subcommand: string): Promise<boolean> {
  const fromJsr = Object.entries(offline.imports).filter(([, target]) => target.startsWith("./"));
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      "--cached-only",
      ...subcommand === "run" ? [] : ["--check"],
      "--config",
      CONFIG,
      fromJsr.map(([name]) => `import "${name}";`).join(" "),
    ],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).output();
  return success;
}

/** Runs deno to its end and returns its exit code. */
async function runDeno(args: string[], cwd: string, importMap: string): Promise<number> {
  const { INIT_CWD: _, DENO_JOBS = String(2 * navigator.hardwareConcurrency), ...env } = Deno.env.toObject();
  const child = new Deno.Command(Deno.execPath(), {
    args,
    cwd,
    clearEnv: true, // INIT_CWD is for this process; a `deno task` that the child starts sets its own
    // If a whole process group is signalled, the child gets the signal twice: directly, and from here.
    // DENO_JOBS: files of tests that run at the same time, which wait as long as they work.
    env: { ...env, DENO_JOBS, SLUICE_IMPORT_MAP: importMap, SLUICE_SIGNALS_FROM: String(Deno.pid) },
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  outliveSignals(child);
  return (await child.status).code;
}

/** Passes signals on to the child, which decides what to do; this process ends when the child does. */
function outliveSignals(child: Deno.ChildProcess): void {
  const forward = (signal: Deno.Signal) => {
    try {
      child.kill(signal);
    } catch {
      // The child has just ended.
    }
  };
  if (Deno.build.os === "windows") {
    // The console signals every process itself.
    for (const signal of ["SIGINT", "SIGBREAK"] as const) Deno.addSignalListener(signal, () => {});
    return;
  }
  // So does a terminal on Ctrl-C, and some programs treat two signals differently from one.
  const terminal = [Deno.stdin, Deno.stdout, Deno.stderr].some((stream) => stream.isTerminal());
  Deno.addSignalListener("SIGINT", () => terminal || forward("SIGINT"));
  for (const signal of ["SIGTERM", "SIGHUP", "SIGUSR2", "SIGQUIT"] as const) {
    Deno.addSignalListener(signal, () => forward(signal));
  }
}
