/** A line on the terminal. */

/** How a line looks: of a heading, of what is selected, of what is wrong, of what is unusual, of what matters less. */
export type Tone = "plain" | "heading" | "selected" | "bad" | "unusual" | "faint";

export interface Line {
  readonly text: string;
  readonly tone: Tone;
}

export function line(text: string, tone: Tone = "plain"): Line {
  return { text, tone };
}

/** Attributes of ECMA-48 (SGR), those that are no colours and those that are. */
const ATTRIBUTES: Record<Tone, readonly [plain: string, colour: string]> = {
  plain: ["", ""],
  heading: ["\x1b[1m", ""],
  selected: ["\x1b[7m", ""],
  bad: ["\x1b[1m", "\x1b[31m"],
  unusual: ["", "\x1b[33m"],
  faint: ["\x1b[2m", ""],
};

const RESET = "\x1b[0m";

/** The line with what makes the terminal show its tone. */
export function painted({ text, tone }: Line, hasColours: boolean): string {
  const [plain, colour] = ATTRIBUTES[tone];
  const attributes = plain + (hasColours ? colour : "");
  return attributes === "" ? text : attributes + text + RESET;
}
