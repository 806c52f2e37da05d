/** A line on the terminal. */

/** What a line shows, which decides how it looks. */
export type Tone = "plain" | "heading" | "selected" | "bad" | "unusual" | "faint";

export interface Line {
  readonly text: string;
  readonly tone: Tone;
}

export function line(text: string, tone: Tone = "plain"): Line {
  return { text, tone };
}

/** SGR attributes (ECMA-48): those without a colour, and the colour. */
const ATTRIBUTES: Record<Tone, readonly [plain: string, colour: string]> = {
  plain: ["", ""],
  heading: ["\x1b[1m", ""],
  selected: ["\x1b[7m", ""],
  bad: ["\x1b[1m", "\x1b[31m"],
  unusual: ["", "\x1b[33m"],
  faint: ["\x1b[2m", ""],
};

const RESET = "\x1b[0m";

/** The line with the escape sequences of its tone. */
export function painted({ text, tone }: Line, hasColours: boolean): string {
  const [plain, colour] = ATTRIBUTES[tone];
  const attributes = plain + (hasColours ? colour : "");
  return attributes === "" ? text : attributes + text + RESET;
}
