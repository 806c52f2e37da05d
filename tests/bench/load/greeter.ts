/**
 * An upstream whose server speaks first, as with MySQL and SMTP: it sends each client a greeting a moment after
 * accepting it. A script; its argument is the port.
 */
import { pause } from "../wait.ts";

const GREETS_AFTER_MS = 5;
const GREETING = new TextEncoder().encode("220 bench ready\r\n");

if (import.meta.main) await greet(Number(Deno.args[0]));

async function greet(port: number): Promise<never> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port });
  while (true) {
    try {
      void serve(await listener.accept());
    } catch {
      // A client that closed before it was accepted does not end the loop.
    }
  }
}

async function serve(client: Deno.TcpConn): Promise<void> {
  using conn = client;
  try {
    await pause(GREETS_AFTER_MS);
    await conn.write(GREETING);
    while (await conn.read(new Uint8Array(64)) !== null);
  } catch {
    // A client may leave at any time, before its greeting too.
  }
}
