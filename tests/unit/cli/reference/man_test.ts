import assert from "node:assert/strict";
import { helpText, TOPICS } from "../../../../src/cli/help.ts";
import { optionsOf, parseHelp } from "../../../../src/cli/reference/help_page.ts";
import { manPage } from "../../../../src/cli/reference/man.ts";
import { findProgram } from "../../../support/interop.ts";

Deno.test("manPage() has the usual sections, every command and every option", async () => {
  const page = await manPage();
  const sections = [...page.matchAll(/^\.SH (.*)$/gm)].map(([, name]) => name);
  for (const name of ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "EXAMPLES", "COMMANDS"]) {
    assert.ok(sections.includes(name), name);
  }
  for (const topic of TOPICS) {
    const { usage } = parseHelp(await helpText(topic));
    if (topic !== "sluice") assert.ok(page.includes(`\n.SS ${usage.replaceAll("-", "\\-")}\n`), usage);
    for (const { names: [name] } of optionsOf(parseHelp(await helpText(topic)))) {
      assert.ok(page.includes(`\\fB${name!.replaceAll("-", "\\-")}\\fR`), `${topic} ${name}`);
    }
  }
});

Deno.test("no line of manPage() begins with what roff takes for a request, but its macros", async () => {
  const lines = (await manPage()).split("\n");
  const macros = /^\.(TH|SH|SS|PP|TP|nf|fi)\b/;
  assert.deepEqual(lines.filter((line) => /^[.']/.test(line) && !macros.test(line)), []);
});

for (
  const { program, args } of [
    { program: "groff", args: ["-man", "-Tutf8", "-ww", "-P-cbou"] },
    { program: "mandoc", args: ["-Tlint", "-Wwarning"] },
  ]
) {
  Deno.test({
    name: `${program} finds nothing wrong with the man page`,
    ignore: findProgram(program) === undefined,
    fn: async () => {
      const child = new Deno.Command(program, { args, stdin: "piped", stdout: "piped", stderr: "piped" })
        .spawn();
      const output = child.output();
      const writer = child.stdin.getWriter();
      await writer.write(new TextEncoder().encode(await manPage()));
      await writer.close();
      const { stdout, stderr } = await output;
      const decoder = new TextDecoder();
      assert.equal(decoder.decode(stderr), "");
      const text = decoder.decode(stdout);
      if (program === "groff") assert.match(text, /--config FILE\n +the +configuration/);
      // It has no date on purpose.
      else {assert.deepEqual(
          text.split("\n").filter((line) => line !== "" && !line.includes("missing date")),
          [],
        );}
    },
  });
}
