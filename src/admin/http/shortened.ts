/** The longest client-supplied text in log lines and messages, in characters. */
const MOST = 200;

/** The text, truncated to 200 characters. */
export function shortened(text: string): string {
  return text.length <= MOST ? text : `${text.slice(0, MOST - 1)}…`;
}
