/** The output of long runs: progress and results. */

/** Writes to standard output. */
export function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

/** Makes a function that writes lines to standard error, with the name of the run and the time so far. */
export function progressOf(name: string): (line: string) => void {
  return (line) => {
    const seconds = Math.floor(performance.now() / 1000);
    const elapsed = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    Deno.stderr.writeSync(new TextEncoder().encode(`${name} ${elapsed.padStart(5)}  ${line}\n`));
  };
}
