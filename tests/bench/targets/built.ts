/** Builds the programs of the comparison that no package has, each once, into `dist/bench`. */

import { fileURLToPath } from "node:url";
import { progressOf } from "../../support/program/console.ts";

/** Where they are, with a slash at the end. */
export const BUILT = fileURLToPath(new URL("../../../dist/bench/", import.meta.url));

const TOXIPROXY_VERSION = "2.12.0";

const progress = progressOf("bench");

/** @throws {Deno.errors.NotFound} without cargo. */
export async function buildPingora(): Promise<void> {
  // Outside the checkout, because cmake leaves files with names such as compiler_depend.ts.
  const target = await Deno.makeTempDir({ prefix: "sluice-bench-" });
  try {
    await run("cargo", ["build", "--release", "--locked"], "pingora, which takes some minutes", {
      cwd: fileURLToPath(new URL("../pingora", import.meta.url)),
      env: { CARGO_TARGET_DIR: target },
    });
    await Deno.copyFile(`${target}/release/pingora-relay`, `${BUILT}pingora-relay`);
  } finally {
    await Deno.remove(target, { recursive: true });
  }
}

/** @throws {Deno.errors.NotFound} without go. */
export async function buildToxiproxy(): Promise<void> {
  const version = `-ldflags=-X github.com/Shopify/toxiproxy/v2.Version=${TOXIPROXY_VERSION}`;
  const module = `github.com/Shopify/toxiproxy/v2/cmd/server@v${TOXIPROXY_VERSION}`;
  await run("go", ["install", version, module], "toxiproxy", { env: { GOBIN: BUILT } });
  await Deno.rename(`${BUILT}server`, `${BUILT}toxiproxy-server`);
}

async function run(
  command: string,
  args: string[],
  what: string,
  options: Deno.CommandOptions,
): Promise<void> {
  await Deno.mkdir(BUILT, { recursive: true });
  progress(`building ${what}`);
  const { success, stderr } = await new Deno.Command(command, { ...options, args, stdin: "null" }).output();
  if (success) return;
  const log = `${BUILT}${command}.log`;
  await Deno.writeFile(log, stderr);
  throw new Error(`${command} failed: see ${log}`);
}
