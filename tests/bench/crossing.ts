/**
 * Lists the source files that each connection crosses: those with functions that, by the coverage of the program, run
 * at least once more for each further connection to an echo server. Each connection sends one request, reads its answer
 * and closes.
 *
 * deno task crossing [arguments of sluice, such as --log-level warn]
 */

import { ROOT } from "./targets/sluice.ts";

/** How many connections the two runs have. Their difference is large enough that no timer runs as often. */
const FEWER = 50;
const MORE = 200;
const REQUEST = new Uint8Array(40);

if (import.meta.main) {
  const files = await crossedFiles(Deno.args);
  for (const file of files) console.log(file);
  console.log(`${files.length} files`);
}

/** The files by their paths, in alphabetical order. @param args Further arguments of sluice. */
export async function crossedFiles(args: readonly string[] = []): Promise<string[]> {
  const fewer = await callsOf(FEWER, args);
  const more = await callsOf(MORE, args);
  const crossed = new Set<string>();
  for (const [call, count] of more) {
    if (count - (fewer.get(call) ?? 0) >= MORE - FEWER) crossed.add(call.split(" ")[0]!);
  }
  return [...crossed].sort();
}

/** How often each function of the source ran while this many connections came and went, by file and position. */
async function callsOf(connections: number, args: readonly string[]): Promise<Map<string, number>> {
  const coverage = await Deno.makeTempDir({ prefix: "sluice-crossing-" });
  using echo = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const echoing = serve(echo);
  const { port } = echo.addr as Deno.NetAddr;
  const map = Deno.env.get("SLUICE_IMPORT_MAP");
  const process = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--no-prompt", `--coverage=${coverage}`, ...map ? ["--import-map", map] : []],
      ...[`${ROOT}main.ts`, `0=127.0.0.1:${port}`, "--print-ready", ...args],
    ],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const lines = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const ready = /:(\d+)"/.exec((await lines.read()).value ?? "");
  if (ready === null) throw new Error("sluice printed no ready line");
  for (let done = 0; done < connections; done++) await connectOnce(Number(ready[1]));
  // It drains first, so all connections have ended then.
  process.kill("SIGTERM");
  while (!(await lines.read()).done);
  await process.status;
  echo.close();
  await echoing;
  const calls = countCalls(coverage);
  await Deno.remove(coverage, { recursive: true });
  return calls;
}

async function connectOnce(port: number): Promise<void> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(REQUEST);
  await conn.read(new Uint8Array(REQUEST.byteLength));
  await conn.closeWrite();
  while (await conn.read(new Uint8Array(1)) !== null);
}

async function serve(listener: Deno.Listener): Promise<void> {
  try {
    for await (const conn of listener) conn.readable.pipeTo(conn.writable).catch(() => {});
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}

interface Coverage {
  readonly url: string;
  readonly functions: readonly {
    readonly functionName: string;
    readonly ranges: readonly { readonly startOffset: number; readonly count: number }[];
  }[];
}

function countCalls(folder: string): Map<string, number> {
  const calls = new Map<string, number>();
  for (const { name } of Deno.readDirSync(folder)) {
    const { url, functions }: Coverage = JSON.parse(Deno.readTextFileSync(`${folder}/${name}`));
    const file = /\/(src\/.*)$/.exec(url)?.[1];
    if (file === undefined) continue;
    for (const { functionName, ranges: [whole] } of functions) {
      const call = `${file} ${functionName} ${whole!.startOffset}`;
      calls.set(call, (calls.get(call) ?? 0) + whole!.count);
    }
  }
  return calls;
}
