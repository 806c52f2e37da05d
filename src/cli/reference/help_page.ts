/**
 * Reads the text of `--help`, so that completions and the man page come from it and need no list of their own. A page
 * has a usage line, paragraphs, headings that end with a colon, options, and other indented lines.
 */

export interface HelpOption {
  /** With their dashes, as in `["-c", "--config"]`. */
  readonly names: readonly string[];
  /** What its value is called, such as FILE; undefined if it has none. */
  readonly value: string | undefined;
  /** In one line. */
  readonly help: string;
}

export type HelpBlock =
  | { readonly kind: "heading" | "paragraph"; readonly text: string }
  | { readonly kind: "options"; readonly options: readonly HelpOption[] }
  | { readonly kind: "verbatim"; readonly lines: readonly string[] };

export interface HelpPage {
  /** The first line, without "Usage: ". */
  readonly usage: string;
  readonly blocks: readonly HelpBlock[];
}

/** As in `  -c, --config FILE       the configuration`. */
const OPTION = /^ {2,6}((?:-[a-zA-Z], )*--[\w-]+)(?: (\[?[A-Z][A-Z=]*\]?))? +(\S.*)$/;
/** More of the help of the option above. */
const CONTINUED = /^ {12,}(\S.*)$/;
const HEADING = /^([A-Z][^:]*):$/;
/** A heading with its text in the same line. */
const SHORT_SECTION = /^(Exit codes|Example): (.*)$/;

/**
 * Parses what `--help` prints.
 *
 * @example
 * ```ts ignore
 * parseHelp("Usage: sluice a\n\nOptions:\n  -h, --help   this text\n").blocks[1];
 * // { kind: "options", options: [{ names: ["-h", "--help"], value: undefined, help: "this text" }] }
 * ```
 */
export function parseHelp(text: string): HelpPage {
  const [first = "", ...lines] = text.trimEnd().split("\n");
  const blocks: HelpBlock[] = [];
  let isNew = true;
  for (const line of lines) {
    if (line === "") isNew = true;
    else {
      addLine(blocks, line, isNew);
      isNew = false;
    }
  }
  return { usage: first.replace(/^Usage: /, ""), blocks };
}

/** All options of a page. */
export function optionsOf({ blocks }: HelpPage): HelpOption[] {
  return blocks.flatMap((block) => block.kind === "options" ? block.options : []);
}

/**
 * The values that the help of an option lists: "text (default) or json" has two. Empty if it lists none.
 */
export function choicesOf({ help }: Pick<HelpOption, "help">): string[] {
  const word = String.raw`[a-z_]+(?: \(default\))?`;
  const [list] = new RegExp(`^${word}(?:, ${word})* or ${word}(?=$|;)`).exec(help) ?? [];
  return list?.replaceAll(" (default)", "").split(/, | or /) ?? [];
}

/** @param isNew Whether the line follows an empty one. */
function addLine(blocks: HelpBlock[], line: string, isNew: boolean): void {
  const last = blocks.at(-1);
  const [, names, value, help] = OPTION.exec(line) ?? [];
  const [, more] = CONTINUED.exec(line) ?? [];
  const [, heading] = HEADING.exec(line) ?? [];
  const [, title, rest] = SHORT_SECTION.exec(line) ?? [];
  if (names !== undefined) {
    const option = { names: names.split(", "), value, help: help! };
    replaceOrAdd(blocks, last?.kind === "options" && { ...last, options: [...last.options, option] }, {
      kind: "options",
      options: [option],
    });
  } else if (more !== undefined && last?.kind === "options" && !isNew) {
    const { options } = last;
    const previous = options.at(-1)!;
    const whole = { ...previous, help: `${previous.help} ${more}` };
    blocks[blocks.length - 1] = { kind: "options", options: [...options.slice(0, -1), whole] };
  } else if (heading !== undefined) {
    blocks.push({ kind: "heading", text: heading });
  } else if (title !== undefined) {
    blocks.push({ kind: "heading", text: title }, { kind: "paragraph", text: rest! });
  } else if (line.startsWith(" ")) {
    replaceOrAdd(blocks, last?.kind === "verbatim" && { ...last, lines: [...last.lines, line] }, {
      kind: "verbatim",
      lines: [line],
    });
  } else {
    const joined = last?.kind === "paragraph" && !isNew && { ...last, text: `${last.text} ${line}` };
    replaceOrAdd(blocks, joined, { kind: "paragraph", text: line });
  }
}

function replaceOrAdd(blocks: HelpBlock[], longer: HelpBlock | false, added: HelpBlock): void {
  if (longer === false) blocks.push(added);
  else blocks[blocks.length - 1] = longer;
}
