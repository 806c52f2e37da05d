/** `sluice man`: the help of all commands as a man page, in the macros of man(7). */

import denoJson from "../../../deno.json" with { type: "json" };
import { isAdminCommand } from "../admin/registry.ts";
import { helpText, TOPICS } from "../help.ts";
import { Options } from "../options.ts";
import { print } from "../output.ts";
import { type HelpBlock, type HelpOption, type HelpPage, parseHelp } from "./help_page.ts";

/** The heading of the options that say which proxy a command talks to: the same for each, so they are printed once. */
const SHARED = "Which proxy";

/** @throws {UsageError} */
export async function printManPage(args: readonly string[]): Promise<void> {
  const options = new Options(args, { string: [], boolean: ["help"], alias: { h: "help" } }, "man");
  if (options.has("help")) return print((await helpText("man")).trimEnd());
  options.refuseWords("sluice man takes none");
  print((await manPage()).trimEnd());
}

/** The source of the page. It has no date, so that it is the same for each build of a version. */
export async function manPage(): Promise<string> {
  const pages = await Promise.all(
    TOPICS.map(async (topic) => ({ topic, page: parseHelp(await helpText(topic)) })),
  );
  const main = pages[0]!.page;
  const [, name = "sluice", about = ""] = /^(\w+): (.*)$/.exec(main.usage) ?? [];
  const commands = pages.slice(1);
  const shared = commands.find(({ topic }) => isAdminCommand(topic))!.page;
  return [
    `.TH SLUICE 1 "" "sluice ${denoJson.version}" "User Commands"`,
    ".SH NAME",
    `${name} \\- ${escaped(about)}`,
    ".SH SYNOPSIS",
    ".nf",
    ...synopsisOf(main).map(escaped),
    ".fi",
    ".SH DESCRIPTION",
    ...main.blocks.flatMap((block, index) => blockLines(block, mainMacro(block, main.blocks[index + 1]))),
    ".SH COMMANDS",
    ...commands.flatMap(({ page }) => commandLines(page)),
    ...partOf(shared, SHARED, "only").flatMap((block) => blockLines(block, ".SH")),
    "",
  ].filter((line, index, lines) => !(line === ".PP" && /^\.S[HS] /.test(lines[index - 1]!))).join("\n");
}

/** The first two lines of the help: how a proxy is run. */
function synopsisOf({ blocks }: HelpPage): string[] {
  const lines = blocks.find((block) => block.kind === "verbatim")?.lines ?? [];
  return [...lines.slice(0, 2).map((line) => line.trim().split(/ {2,}/)[0]!), "sluice COMMAND [OPTIONS]"];
}

/** Lists of commands become the description, every other part a section of its own. */
function mainMacro(block: HelpBlock, next: HelpBlock | undefined): string {
  if (block.kind !== "heading" || next?.kind !== "verbatim" || block.text === "Examples") return ".SH";
  return next.lines.some((line) => line.startsWith("  sluice ")) ? ".SS" : ".SH";
}

function commandLines(page: HelpPage): string[] {
  return [
    `.SS ${escaped(page.usage)}`,
    ...partOf(page, SHARED, "without").flatMap((block) => blockLines(block, undefined)),
  ];
}

/** A section and what is below its heading, or all of the page but that. */
function partOf({ blocks }: HelpPage, heading: string, which: "only" | "without"): HelpBlock[] {
  const start = blocks.findIndex((block) => block.kind === "heading" && block.text === heading);
  if (start < 0) return [...blocks];
  const after = blocks.findIndex((block, index) => index > start && block.kind === "heading");
  const end = after < 0 ? blocks.length : after;
  return which === "only" ? blocks.slice(start, end) : [...blocks.slice(0, start), ...blocks.slice(end)];
}

/** @param macro The macro of headings; undefined for a plain line, as in a command's own part of the page. */
function blockLines(block: HelpBlock, macro: string | undefined): string[] {
  switch (block.kind) {
    case "heading":
      if (macro === undefined) return [".PP", `${escaped(block.text)}:`];
      return [`${macro} ${escaped(macro === ".SH" ? sectionOf(block.text) : block.text)}`];
    case "paragraph":
      return [".PP", escaped(block.text)];
    case "options":
      return block.options.flatMap(optionLines);
    case "verbatim":
      return [".PP", ".nf", ...block.lines.map(escaped), ".fi"];
  }
}

/** Sections of man pages have capitals, and some have usual names. */
function sectionOf(heading: string): string {
  return heading === "Exit codes" ? "EXIT STATUS" : heading.toUpperCase();
}

function optionLines({ names, value, help }: HelpOption): string[] {
  const flags = names.map((name) => `\\fB${escaped(name)}\\fR`).join(", ");
  return [".TP", `${flags}${value === undefined ? "" : ` \\fI${escaped(value)}\\fR`}`, escaped(help)];
}

/** Dashes that can be copied, and no line that roff takes for a request. */
function escaped(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll("'", "\\(aq").replaceAll("~", "\\(ti")
    .replaceAll("^", "\\(ha").replaceAll("`", "\\(ga").replace(/^(?=\.)/, "\\&");
}
