/** Programs of the bench that Deno runs in processes of their own. */
import { ROOT } from "./sluice.ts";

/** How Deno runs one: a file in tests/bench, which may reach this host and nothing else. */
export function scriptArgs(
  file: string,
  args: readonly (string | number)[],
  permissions: readonly string[] = [],
): string[] {
  const sandbox = ["--no-config", "--no-prompt", "--allow-net=127.0.0.1", ...permissions];
  return ["run", ...sandbox, `${ROOT}tests/bench/${file}`, ...args.map(String)];
}
