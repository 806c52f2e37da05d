/** The third-party programs of the bench: where they are, which version, and how to get them. */

import { buildPingora, buildToxiproxy, BUILT } from "./built.ts";

/** A program and the Debian/Ubuntu line that installs it. */
export interface Program {
  readonly command: string;
  readonly install: string;
  readonly versionArgs: readonly string[];
  readonly version: RegExp;
  /** Builds a program that no package has; rejects when the tools for that are missing or fail. */
  readonly build?: (() => Promise<void>) | undefined;
}

function program(command: string, packages: string, versionArg: string, version: RegExp): Program {
  return { command, install: `apt-get install ${packages}`, versionArgs: [versionArg], version };
}

export const HAPROXY = program("haproxy", "haproxy", "-v", /version (\S+)/);
export const NGINX = program("nginx", "nginx libnginx-mod-stream", "-V", /nginx\/(\S+)/);
export const SOCAT = program("socat", "socat", "-V", /socat version (\S+)/);
export const REDIS_SERVER = program("redis-server", "redis-server", "--version", /v=(\S+)/);
export const REDIS_BENCHMARK = program(
  "redis-benchmark",
  "redis-tools",
  "--version",
  /redis-benchmark (\S+)/,
);
export const IPERF3 = program("iperf3", "iperf3", "-v", /iperf (\S+)/);
export const AB = program("ab", "apache2-utils", "-V", /Version (\S+)/);
export const OPENSSL = program("openssl", "openssl", "version", /OpenSSL (\S+)/);
export const PINGORA: Program = {
  command: `${BUILT}pingora-relay`,
  install: "https://rustup.rs has cargo, which builds it",
  versionArgs: ["--version"],
  version: /pingora-core (\S+)/,
  build: buildPingora,
};
export const TOXIPROXY: Program = {
  command: `${BUILT}toxiproxy-server`,
  install: "https://go.dev/dl has go, which builds it",
  versionArgs: ["-version"],
  version: /version (\S+)/,
  build: buildToxiproxy,
};
export const NODE = program("node", "nodejs", "--version", /v(\S+)/);
export const PROGRAMS = [
  HAPROXY,
  NGINX,
  PINGORA,
  TOXIPROXY,
  SOCAT,
  NODE,
  REDIS_SERVER,
  REDIS_BENCHMARK,
  IPERF3,
  AB,
  OPENSSL,
];

/** What a program prints about its version, on either output; null when it is not installed. */
export async function about(program: Program): Promise<string | null> {
  try {
    const command = new Deno.Command(program.command, { args: [...program.versionArgs], stdin: "null" });
    const { stdout, stderr } = await command.output();
    return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** The version number alone; null when it is not installed. */
export async function versionOf(program: Program): Promise<string | null> {
  const text = await about(program);
  return text === null ? null : program.version.exec(text)?.[1] ?? "unknown";
}

/** The first of these that is missing, if any. */
export async function firstMissing(programs: readonly Program[]): Promise<Program | null> {
  for (const each of programs) {
    if (await about(each) === null) return each;
  }
  return null;
}
