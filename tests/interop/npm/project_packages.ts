/**
 * The packages that the project has beside sluice, among them older and newer versions of Node.js. They are hundreds of
 * megabytes, so CI installs them while it does other work: `project_packages.ts FOLDER`.
 */

import process from "node:process";
import { join } from "node:path";

export const VERSIONS = [20, 22, 24];

/** What the package `node` would install in a second process of npm. */
const NODE = `node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`;

const PACKAGES = [
  ...["vitest@4.1.12", "jest@30.2.0", "typescript@5.9.3", "@types/node@24.10.1"],
  ...VERSIONS.map((version) => `node${version}@npm:${NODE}@${version}`),
  `deno@${Deno.version.deno}`,
];

/** Where CI has installed them; undefined elsewhere. */
export const installed = Deno.env.get("SLUICE_NPM_PROJECT");

if (import.meta.main) Deno.exit(await main(Deno.args));

async function main([folder]: readonly string[]): Promise<number> {
  if (folder === undefined) {
    console.error("Usage: project_packages.ts FOLDER");
    return 2;
  }
  await install(folder);
  return 0;
}

/** Creates the project. */
export async function install(folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(join(folder, "package.json"), '{ "type": "module", "private": true }');
  await add(folder, PACKAGES);
}

export async function add(folder: string, packages: readonly string[]): Promise<void> {
  const args = ["install", "--no-audit", "--no-fund", "--loglevel=error", ...packages];
  const { success } = await new Deno.Command("npm", { args, cwd: folder, stdin: "null" }).spawn().status;
  if (!success) throw new Error(`npm ${args.join(" ")} failed`);
}
