/** `sluice version`: which sluice this is. */

import denoJson from "../../deno.json" with { type: "json" };
import { printJson } from "./admin/command.ts";
import { Options } from "./options.ts";
import { print } from "./output.ts";

export const VERSION_HELP = `Usage: sluice version [OPTIONS]

Prints the version, as sluice --version does.

Options:
      --json              print JSON: version, commit (null if it is not known), deno, v8, target, and whether this is
                          an executable
  -h, --help              this text

Exit codes: 0 done, 2 wrong usage.
`;

/** What `sluice version --json` prints. */
interface VersionJson {
  readonly version: string;
  /** With `-dirty` at its end if the tree had changes. */
  readonly commit: string | null;
  readonly deno: string;
  readonly v8: string;
  /** As Rust names it, such as x86_64-unknown-linux-gnu. */
  readonly target: string;
  readonly executable: boolean;
}

/** @throws {UsageError} */
export async function printVersion(args: readonly string[]): Promise<void> {
  const options = new Options(
    args,
    { string: [], boolean: ["json", "help"], alias: { h: "help" } },
    "version",
  );
  if (options.has("help")) return print(VERSION_HELP.trimEnd());
  options.refuseWords("sluice version takes options only");
  const { version } = denoJson;
  const { deno, v8 } = Deno.version;
  const { target, standalone: executable } = Deno.build;
  if (!options.has("json")) return print(`sluice ${version} (deno ${deno}, ${target})`);
  const all: VersionJson = { version, commit: await commitOf(executable), deno, v8, target, executable };
  printJson(all);
}

/** The file that `deno task compile` writes and puts into the executable. */
async function commitOf(executable: boolean): Promise<string | null> {
  // In a checkout, the file would be that of some earlier build.
  if (!executable) return null;
  try {
    return (await Deno.readTextFile(new URL("../../dist/commit", import.meta.url))).trim() || null;
  } catch {
    return null;
  }
}
