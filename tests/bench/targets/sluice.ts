/** Starts sluice the way a user does, as a command, and waits for its ready line. */
import { fileURLToPath } from "node:url";
import type { Certificate } from "./certificate.ts";
import type { Processes, Started } from "../processes.ts";
import { scriptArgs } from "./script.ts";
import { listening, type Running, type Start } from "./running.ts";
import { waitUntil } from "../wait.ts";

/** The repository's directory, with a slash at its end. */
export const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

// The same permissions that `deno task compile` builds in.
const PERMISSIONS = ["net", "read", "write", "env", "sys"].map((each) => `--allow-${each}`);

// The first start may have to fetch and compile dependencies.
const READY_DEADLINE_MS = 60_000;

/** The command before sluice's own arguments: an executable (SLUICE_BIN) or `deno run … main.ts`. */
export function sluiceCommand(): { command: string; args: string[] } {
  const bin = Deno.env.get("SLUICE_BIN");
  if (bin) return { command: bin, args: [] };
  const map = Deno.env.get("SLUICE_IMPORT_MAP");
  const imports = map ? ["--import-map", map] : [];
  return {
    command: Deno.execPath(),
    args: ["run", ...PERMISSIONS, "--no-prompt", ...imports, `${ROOT}main.ts`],
  };
}

/** A sluice with one service before this upstream. */
export const startSluice: Start = async (processes, upstream, certificate) =>
  certificate === null
    ? await start(processes, [`0=127.0.0.1:${upstream}`])
    : await startConfigured(processes, "tls", service(upstream, tls(certificate, "")));

/** The same with Deno.listenTls; it differs only where sluice terminates TLS. */
export const startSluiceOnDenoTls: Start = async (processes, upstream, certificate) => {
  const settings = certificate === null ? "" : tls(certificate, ", engine: deno");
  return await startConfigured(processes, "deno_tls", service(upstream, settings));
};

/** The same with these faults, or where they are only permitted: all legs use node:net. */
export function startFaultySluice(faults: readonly string[]): Start {
  const settings = faults.length === 0 ? "" : `, faults: [${faults.join(", ")}]`;
  return async (processes, upstream) =>
    await startConfigured(processes, "faults", `faults: true\n${service(upstream, settings)}`);
}

/** The same, with a span for this share of connections over OTLP, to a collector that throws them away. */
export function startTracedSluice(share: number): Start {
  return async (processes, upstream) => {
    const { command, args } = sluiceCommand();
    if (command !== Deno.execPath()) throw new Error("an executable exports no spans: leave SLUICE_BIN out");
    const collector = await listening((port) =>
      processes.start("otlp_sink.ts", command, scriptArgs("targets/otlp_sink.ts", [port]))
    );
    const environment = {
      OTEL_DENO: "true",
      OTEL_DENO_METRICS: "false",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.port}`,
      OTEL_TRACES_SAMPLER: "traceidratio",
      OTEL_TRACES_SAMPLER_ARG: String(share),
    };
    const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
    const source = [`0=127.0.0.1:${upstream}`];
    const sluice = await start(processes, source, { command: "env", args: [...variables, command, ...args] });
    const stop = async () => {
      await sluice.stop();
      await collector.stop();
    };
    return { ...sluice, stop };
  };
}

/** The same with two threads. */
export const startThreadedSluice: Start = async (processes, upstream) =>
  await startConfigured(processes, "threads", `workers: 2\n${service(upstream, "")}`);

/** The same with a warm pool. */
export const startPooledSluice: Start = async (processes, upstream) => {
  const pool = `upstreams:
  greeter:
    endpoints: ["127.0.0.1:${upstream}"]
    pool: { max_idle: 8, max_idle_time: 5s }
services:
  - { name: bench, listen: "127.0.0.1:0", upstream: greeter }
`;
  return await startConfigured(processes, "pool", pool);
};

function service(upstream: number, settings: string): string {
  return `services:
  - { name: bench, listen: "127.0.0.1:0", upstream: "127.0.0.1:${upstream}"${settings} }
`;
}

function tls({ cert, key }: Certificate, more: string): string {
  return `, tls: { cert: "${cert}", key: "${key}"${more} }`;
}

async function startConfigured(processes: Processes, name: string, text: string): Promise<Running> {
  const config = await Deno.makeTempFile({ dir: processes.dir, prefix: `sluice-${name}-`, suffix: ".yaml" });
  await Deno.writeTextFile(config, text);
  return await start(processes, ["-c", config]);
}

async function start(
  processes: Processes,
  source: string[],
  { command, args } = sluiceCommand(),
): Promise<Running> {
  const own = [...source, "--print-ready", "--log-level", "warn"];
  const started = processes.start("sluice", command, [...args, ...own], { readLines: true });
  await waitUntil(() => started.lines.length > 0 || started.obituary() !== "", READY_DEADLINE_MS, 1);
  const readyAfterMs = performance.now() - started.launchedAt;
  const { pid, port } = readyLine(started);
  return { port, pid, forks: false, readyAfterMs, stop: () => started.stop() };
}

/** The pid comes from the ready line, as SLUICE_BIN may be a wrapper. */
function readyLine(started: Started): { pid: number; port: number } {
  const line = started.lines[0];
  if (line === undefined) throw new Error(started.obituary() || "sluice printed no ready line in time");
  const ready: unknown = JSON.parse(line);
  const { pid, services } = Object(ready);
  const port = Number(/:(\d+)$/.exec(String(services?.[0]?.listen?.[0]))?.[1]);
  if (!Number.isInteger(pid) || !Number.isInteger(port)) throw new Error(`not a ready line: ${line}`);
  return { pid, port };
}
