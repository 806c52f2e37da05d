/** What long runs say while they go on, and what they give in the end. */

/** Writes to standard output. */
export function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

/** Makes what writes lines to standard error, with the name of the run and how long it has run. */
export function progressOf(name: string): (line: string) => void {
  return (line) => {
    const seconds = Math.floor(performance.now() / 1000);
    const elapsed = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    Deno.stderr.writeSync(new TextEncoder().encode(`${name} ${elapsed.padStart(5)}  ${line}\n`));
  };
}
