/**
 * Regular expressions of health checks. What they are matched against comes from an endpoint, so they must be quick.
 */

/**
 * Each repetition multiplies the time by the length of the text: `a*b` takes milliseconds for 2 KiB, `a*a*b` half a
 * minute. Optional parts and alternatives double it.
 */
const MOST_REPETITIONS = 1;
const MOST_CHOICES = 8;

/**
 * Checks an expression.
 *
 * @throws {SyntaxError} when it cannot be compiled, or could take so long that it stops everything else.
 */
export function checkRegex(text: string): void {
  try {
    new RegExp(text, "m");
  } catch (error) {
    const reason = (error as Error).message.replace(/^Invalid regular expression: \/.*\/m: /s, "");
    throw new SyntaxError(`Cannot use "${text}" as a regular expression: ${reason}`);
  }
  const reason = whySlow(text);
  if (reason !== undefined) throw new SyntaxError(`Cannot use "${text}" as a regular expression: ${reason}`);
}

/** Why an expression could take long for some text; undefined if it cannot. */
function whySlow(text: string): string | undefined {
  let repetitions = 0;
  let options = 0;
  /** For each open group, whether it has a choice: a quantifier or an alternative. */
  const choices = [false];
  const tokens = text.matchAll(/\\.|\[\^?(?:\\.|[^\]])*\]|[*+?]|\{\d+(?:,\d*)?\}|\(\??[:=!<-]?|[)|]|[^]/gs);
  let closed: boolean | undefined;
  for (const [token] of tokens) {
    const isQuantifier = /^([*+?]|\{\d.*\})$/.test(token);
    if (isQuantifier && token !== "?" && token !== "{1}" && closed === true) {
      return "repeat no group that has a quantifier or an alternative in it, it could take forever";
    }
    if (/^([*+]|\{\d+,\d*\})$/.test(token)) repetitions += 1;
    if (token === "?" || token === "|") options += 1;
    closed = undefined;
    if (token.startsWith("(")) choices.push(false);
    else if (token === ")") {
      closed = choices.pop()!;
      if (closed) choices[choices.length - 1] = true;
    } else if (isQuantifier || token === "|") choices[choices.length - 1] = true;
  }
  if (options > MOST_CHOICES) return `expected at most ${MOST_CHOICES} of "?" and "|", got ${options}`;
  if (repetitions <= MOST_REPETITIONS) return undefined;
  return `expected at most one repetition (*, + or {n,m}), got ${repetitions}: write more than one step`;
}
