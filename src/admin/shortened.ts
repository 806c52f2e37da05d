/** Characters of a text that a client chose, in log lines and messages. */
const MOST = 200;

/** A text of at most 200 characters; of a longer one its beginning. */
export function shortened(text: string): string {
  return text.length <= MOST ? text : `${text.slice(0, MOST - 1)}…`;
}
