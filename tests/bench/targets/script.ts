/** Runs programs of the bench with Deno, in processes of their own. */
import { ROOT } from "./sluice.ts";

/** The arguments of Deno for a file below tests/bench, which may connect only to this host. */
export function scriptArgs(
  file: string,
  args: readonly (string | number)[],
  permissions: readonly string[] = [],
): string[] {
  const sandbox = ["--no-config", "--no-prompt", "--allow-net=127.0.0.1", ...permissions];
  return ["run", ...sandbox, `${ROOT}tests/bench/${file}`, ...args.map(String)];
}
