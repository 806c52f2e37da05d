/** What comes from the network must not move the cursor or reverse the line of an operator's terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, "\ufffd");
}

/** The same for text of several lines, such as all that is wrong with a configuration. */
export function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}
