/** Drives the completions in the shells that are installed. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { bashCompletions } from "../../../../src/cli/reference/bash.ts";
import { commandWords } from "../../../../src/cli/reference/command_words.ts";
import { fishCompletions } from "../../../../src/cli/reference/fish.ts";
import { zshCompletions } from "../../../../src/cli/reference/zsh.ts";
import { findProgram } from "../../../support/interop.ts";

/** The words of a command line, as bash splits them, the last of which is completed; and what it may be. */
const CASES: [words: string[], completions: string[]][] = [
  [["ch"], ["check"]],
  [["to"], ["toxiproxy", "toxic", "top"]],
  [["--log-f"], ["--log-format"]],
  [["--log-level", ""], ["debug", "info", "warn", "error"]],
  [["--log-level", "=", "w"], ["warn"]],
  [["--log-format", "="], ["text", "json"]],
  [["-c", "one"], ["one file.yaml"]],
  [["--config", "=", "one"], ["one file.yaml"]],
  [["--workers", ""], []],
  [["check", "o"], ["one file.yaml"]],
  [["check", "--re"], ["--ready"]],
  [["check", "--ready", "o"], []],
  [["5000=db:5432", "--see"], ["--seed"]],
  [["fault", ""], ["list", "add", "update", "remove"]],
  [["fault", "add", ""], []],
  [["upstream", "group", "10.0.0.1", ":", "3306", "d"], ["drain", "down"]],
  [["upstream", "--admin", "9000", "group", "a", ":", "1", "--json", "u"], ["up"]],
  [["upstream", "--admin", "=", "9000", "group", "a", ":", "1", "u"], ["up"]],
  [["connections", "--sort", "c"], ["client"]],
  [["toxic", "cr"], ["create"]],
  [["completions", ""], ["bash", "zsh", "fish"]],
  [["help", "ver"], ["version"]],
];

const DRIVE = `
source "$1"
shift
complete -p sluice >/dev/null || exit 3
COMP_WORDS=(sluice "$@") COMP_CWORD=$#
_sluice
(( \${#COMPREPLY[@]} == 0 )) || printf '%s\\n' "\${COMPREPLY[@]}"
`;

Deno.test({
  name: "bash completes commands, options, values and files",
  ignore: Deno.build.os === "windows" || findProgram("bash") === undefined,
  fn: async (t) => {
    const folder = await Deno.makeTempDir();
    try {
      const script = join(folder, "completions");
      await Deno.writeTextFile(script, bashCompletions(await commandWords()));
      await Deno.mkdir(join(folder, "files"));
      await Deno.writeTextFile(join(folder, "files", "one file.yaml"), "");
      for (const [words, completions] of CASES) {
        await t.step(`sluice ${words.join(" ")}`, async () => {
          const args = ["-c", DRIVE, "bash", script, ...words];
          const lines = await linesOf("bash", args, join(folder, "files"));
          assert.deepEqual(lines, completions);
        });
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: "fish completes commands, options, values and files",
  ignore: findProgram("fish") === undefined,
  fn: async () => {
    const folder = await Deno.makeTempDir();
    try {
      await Deno.writeTextFile(join(folder, "script.fish"), fishCompletions(await commandWords()));
      await Deno.writeTextFile(join(folder, "one.yaml"), "");
      const complete = async (line: string) => {
        const command = `source script.fish; complete -C '${line}' | string replace -r '\\t.*' ''; true`;
        return (await linesOf("fish", ["--no-config", "-c", command], folder)).sort();
      };
      assert.deepEqual(await complete("sluice ch"), ["check"]);
      assert.deepEqual(await complete("sluice --log-level "), ["debug", "error", "info", "warn"]);
      assert.deepEqual(await complete("sluice -c one"), ["one.yaml"]);
      assert.deepEqual(await complete("sluice upstream group a:1 d"), ["down", "drain"]);
      assert.deepEqual(await complete("sluice status --j"), ["--json"]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: "zsh can read its completions",
  ignore: findProgram("zsh") === undefined,
  fn: async () => {
    const script = await Deno.makeTempFile();
    try {
      await Deno.writeTextFile(script, zshCompletions(await commandWords()));
      assert.deepEqual(await linesOf("zsh", ["-f", "-n", script], "/"), []);
    } finally {
      await Deno.remove(script);
    }
  },
});

Deno.test("completions of zsh and fish have each command and each option", async () => {
  const commands = await commandWords();
  const [zsh, fish] = [zshCompletions(commands), fishCompletions(commands)];
  for (const { name, options } of commands) {
    if (name !== undefined) {
      assert.ok(zsh.includes(`\n    ${name})\n`), name);
      assert.ok(fish.includes(` -a ${name} -d `), name);
    }
    for (const option of options.flatMap(({ names }) => names).filter((each) => each.startsWith("--"))) {
      assert.ok(zsh.includes(`${option}[`) || zsh.includes(`${option}=[`), option);
      assert.ok(fish.includes(` -l ${option.slice(2)} `), option);
    }
  }
});

/** What a program prints, line by line. */
async function linesOf(program: string, args: string[], cwd: string): Promise<string[]> {
  const { code, stdout, stderr } = await new Deno.Command(program, { args, cwd, stdin: "null" }).output();
  const decoder = new TextDecoder();
  assert.equal(code, 0, decoder.decode(stderr));
  assert.equal(decoder.decode(stderr), "");
  const text = decoder.decode(stdout);
  return text === "" ? [] : text.trimEnd().split("\n");
}
