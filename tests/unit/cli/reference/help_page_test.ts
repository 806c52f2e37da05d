import assert from "node:assert/strict";
import { helpText, TOPICS } from "../../../../src/cli/help.ts";
import { commandWords } from "../../../../src/cli/reference/command_words.ts";
import { choicesOf, optionsOf, parseHelp } from "../../../../src/cli/reference/help_page.ts";

Deno.test("parseHelp() finds paragraphs, headings, options with their whole help, and lists", () => {
  const page = parseHelp(`Usage: sluice a FILE [OPTIONS]

One two
three.

  list a      b
  list c

Options:
  -c, --config FILE       the file
                          of all
      --no-gap FORMAT text or json
      --also

      -not an option
Exit codes: 0 done.
`);
  assert.equal(page.usage, "sluice a FILE [OPTIONS]");
  assert.deepEqual(page.blocks, [
    { kind: "paragraph", text: "One two three." },
    { kind: "verbatim", lines: ["  list a      b", "  list c"] },
    { kind: "heading", text: "Options" },
    {
      kind: "options",
      options: [
        { names: ["-c", "--config"], value: "FILE", help: "the file of all" },
        { names: ["--no-gap"], value: "FORMAT", help: "text or json" },
      ],
    },
    { kind: "verbatim", lines: ["      --also", "      -not an option"] },
    { kind: "heading", text: "Exit codes" },
    { kind: "paragraph", text: "0 done." },
  ]);
});

for (
  const [help, choices] of [
    ["text (default) or json", ["text", "json"]],
    ["debug, info (default), warn or error; logs go to stderr", ["debug", "info", "warn", "error"]],
    ["threads that relay: 1 (default) to 256, or auto", []],
    ["stop when standard input ends, or later", []],
    ["the file", []],
  ] as const
) {
  Deno.test(`choicesOf() finds ${choices.length} values in "${help}"`, () => {
    assert.deepEqual(choicesOf({ help }), choices);
  });
}

for (const topic of TOPICS) {
  Deno.test(`parseHelp() finds every option in the help of "${topic}"`, async () => {
    const text = await helpText(topic);
    const lines = text.split("\n").filter((line) => /^ {2,6}-/.test(line));
    assert.ok(lines.length > 0);
    const found = optionsOf(parseHelp(text));
    assert.deepEqual(
      found.map(({ names }) => names.join(", ")),
      lines.map((line) => /^ +((?:-\w, )*--[\w-]+) /.exec(line)?.[1]),
    );
  });
}

Deno.test("commandWords() has the values that log levels, formats and orders can have", async () => {
  const commands = await commandWords();
  const valuesOf = (command: string | undefined, option: string) =>
    commands.find(({ name }) => name === command)!.options.find(({ names }) => names.includes(option))!.value!
      .values;
  assert.deepEqual(valuesOf(undefined, "--log-level"), {
    kind: "choices",
    choices: ["debug", "info", "warn", "error"],
  });
  assert.deepEqual(valuesOf("toxiproxy", "--log-format"), { kind: "choices", choices: ["text", "json"] });
  assert.deepEqual(valuesOf("top", "--sort"), {
    kind: "choices",
    choices: ["bytes", "age", "id", "client", "service", "endpoint"],
  });
  assert.deepEqual(valuesOf("status", "-c"), { kind: "files" });
  assert.deepEqual(valuesOf("demo", "--for"), { kind: "other" });
});

Deno.test("commandWords() describes every command in a line", async () => {
  const commands = await commandWords();
  assert.ok(commands.length > 15);
  for (const { name, summary } of commands) assert.match(summary, /^\S.{8,75}$/, name);
});
