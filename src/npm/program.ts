/**
 * Where the parts of the npm package are: Deno, which is a package of npm, and the bundled program beside this file.
 */

import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

/** What the program may do, as the executable may; the build writes it. */
declare const PERMISSIONS: readonly string[];

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
}

/** The command that runs sluice. @throws {Error} on a system for which Deno has no package. */
export function sluiceCommand(args: readonly string[]): Command {
  const require = createRequire(import.meta.url);
  const { runInstall } = require("deno/install_api.cjs") as { runInstall(): string };
  const bundle = fileURLToPath(new URL("./program/main.js", import.meta.url));
  const options = ["run", "--quiet", "--no-config", "--no-lock", "--unstable-net", ...PERMISSIONS];
  return { program: runInstall(), args: [...options, bundle, ...args] };
}
