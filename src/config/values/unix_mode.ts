/** The permissions of a unix socket file, as people write them: `"0660"`, `0660`, `660`, `0o660`. */

/** What `parseUnixMode` accepts of strings, as a regular expression for a JSON Schema. */
export const UNIX_MODE_PATTERN = "^(0o?)?[0-7]{3}$";

/**
 * Parses file permissions into mode bits (0–0o777).
 *
 * Unquoted, they arrive as a number, and which one depends on the YAML parser: `0660` is 432 for
 * a YAML 1.1 parser, which takes the zero for "octal", and 660 for a YAML 1.2 parser. A number is therefore
 * read both ways; nearly always just one reading gives permissions that make sense.
 *
 * @throws {SyntaxError} when it is not an octal mode, or a number that could be two different ones.
 */
export function parseUnixMode(value: string | number): number {
  if (typeof value === "string") {
    if (new RegExp(UNIX_MODE_PATTERN).test(value)) return parseInt(value.replace("o", ""), 8);
    throw new SyntaxError(`Cannot parse mode "${value}": expected three octal digits such as "0660"`);
  }
  const digits = String(value);
  const readings = [value, /^[0-7]{3}$/.test(digits) ? parseInt(digits, 8) : NaN].filter(makesSense);
  if (readings.length === 1) return readings[0]!;
  throw new SyntaxError(`Cannot parse mode ${digits}: write it as octal digits in quotes such as "0660"`);
}

/** Formats mode bits so that {@linkcode parseUnixMode} parses them. */
export function formatUnixMode(mode: number): string {
  return `0${mode.toString(8).padStart(3, "0")}`;
}

/** Whether the mode allows something, the owner at least what the group may, and the group at least what others may. */
function makesSense(mode: number): boolean {
  if (!Number.isInteger(mode) || mode < 0o100 || mode > 0o777) return false;
  const [owner, group, other] = [mode >> 6, (mode >> 3) & 7, mode & 7];
  return (owner | group) === owner && (group | other) === group;
}
