/** TLS clients to test servers with: `openssl s_client` and curl. */

import { run, spawn } from "../../support/interop.ts";

export interface ClientResult {
  readonly code: number;
  /** What the server sent. */
  readonly received: string;
  /** What openssl writes about the connection and its end. */
  readonly report: string;
}

/** A client that has not ended after this is stuck, in milliseconds. */
const CLIENT_DEADLINE_MS = 20_000;

/**
 * Runs `openssl s_client`: sends `input`, waits until as many bytes have come back or the server has closed, and then
 * closes. (openssl closes at once at the end of its input, even if more is still to come.)
 */
export async function openssl(port: number, args: string[], input = ""): Promise<ClientResult> {
  const all = ["s_client", "-connect", `127.0.0.1:${port}`, "-brief", ...args];
  const child = spawn("openssl", all, { input });
  const deadline = setTimeout(() => child.kill("SIGKILL"), CLIENT_DEADLINE_MS);
  const report = new Response(child.stderr).text();
  const writer = child.stdin.getWriter();
  // This fails when the server has closed first, which ends openssl; the report has that.
  const write = writer.write(new TextEncoder().encode(input)).catch(() => {});
  const decoder = new TextDecoder();
  let received = "";
  let isClosing = input === "";
  if (isClosing) writer.close().catch(() => {});
  for await (const chunk of child.stdout) {
    received += decoder.decode(chunk, { stream: true });
    if (received.length >= input.length && !isClosing) {
      isClosing = true;
      writer.close().catch(() => {});
    }
  }
  await write;
  if (!isClosing) await writer.close().catch(() => {});
  const { code } = await child.status;
  clearTimeout(deadline);
  return { code, received, report: await report };
}

/** The output of `curl` with these arguments; throws unless it exits with 0. */
export async function curl(args: string[]): Promise<string> {
  return (await run("curl", ["--silent", "--show-error", "--max-time", "20", ...args])).text;
}
