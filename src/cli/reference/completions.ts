/** `sluice completions`: what a shell completes after `sluice`. */

import { hintFor } from "../../config/input/closest.ts";
import { helpText } from "../help.ts";
import { Options } from "../options.ts";
import { print } from "../output.ts";
import { UsageError } from "../usage.ts";
import { bashCompletions } from "./bash.ts";
import { type CommandWords, commandWords } from "./command_words.ts";
import { fishCompletions } from "./fish.ts";
import { zshCompletions } from "./zsh.ts";

const SHELLS: Readonly<Record<string, (commands: readonly CommandWords[]) => string>> = {
  bash: bashCompletions,
  zsh: zshCompletions,
  fish: fishCompletions,
};

/** @throws {UsageError} */
export async function printCompletions(args: readonly string[]): Promise<void> {
  const options = new Options(args, { string: [], boolean: ["help"], alias: { h: "help" } }, "completions");
  if (options.has("help")) return print((await helpText("completions")).trimEnd());
  const [shell = "", more] = options.words;
  const names = Object.keys(SHELLS);
  if (!Object.hasOwn(SHELLS, shell)) {
    const hint = hintFor(shell, names);
    throw new UsageError(
      shell === "" ? `No shell given: ${hint}` : `Unknown shell "${shell}": ${hint}`,
      "completions",
    );
  }
  if (more !== undefined) {
    throw new UsageError(`Unknown argument "${more}": one shell at a time`, "completions");
  }
  print(SHELLS[shell]!(await commandWords()).trimEnd());
}
