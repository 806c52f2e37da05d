/** Reads a PROXY header byte by byte, without the code under test, and reads nothing beyond it. */

const V1_FIRST = 0x50;
/** The longest of version 1 (specification, section 2.1). */
const LONGEST_V1 = 107;

/** Returns the client that it names; undefined for none. @throws {SyntaxError} */
export async function readProxyHeader(conn: Deno.Conn): Promise<string | undefined> {
  const first = await readExactly(conn, 1);
  return first[0] === V1_FIRST ? await readText(conn) : await readBinary(conn);
}

async function readText(conn: Deno.Conn): Promise<string | undefined> {
  let line = "P";
  while (!line.endsWith("\r\n")) {
    if (line.length > LONGEST_V1) {
      throw new SyntaxError(`PROXY header v1 is too long: ${JSON.stringify(line)}`);
    }
    line += String.fromCharCode((await readExactly(conn, 1))[0]!);
  }
  const words = line.trimEnd().split(" ");
  if (words[0] !== "PROXY") throw new SyntaxError(`no PROXY header v1: ${JSON.stringify(line)}`);
  if (words[1] === "UNKNOWN") return undefined;
  return `${words[2]}:${words[4]}`;
}

async function readBinary(conn: Deno.Conn): Promise<string | undefined> {
  const rest = await readExactly(conn, 15);
  const text = String.fromCharCode(...rest.subarray(0, 11));
  if (text !== "\n\r\n\0\r\nQUIT\n") throw new SyntaxError(`no PROXY header v2: ${JSON.stringify(text)}`);
  const body = await readExactly(conn, rest[13]! << 8 | rest[14]!);
  if (rest[11] !== 0x21 || rest[12] !== 0x11) return undefined;
  return `${body.subarray(0, 4).join(".")}:${body[8]! << 8 | body[9]!}`;
}

async function readExactly(conn: Deno.Conn, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const count = await conn.read(bytes.subarray(at));
    if (count === null) throw new Deno.errors.UnexpectedEof("ended within a PROXY header");
    at += count;
  }
  return bytes;
}
