/** Starts haproxy. */

import { join } from "node:path";
import { Home } from "../../support/servers/server_home.ts";
import type { Needs } from "../../support/interop.ts";
import type { RunningServer } from "../../support/servers/server_process.ts";

export const HAPROXY: Needs = { needs: ["haproxy"], install: "apt-get install haproxy" };

/** Answers every HTTP request with the addresses of the connection, as haproxy knows them: client, then server. */
export const TELL_ADDRESSES = `
  mode http
  http-request return status 200 content-type text/plain lf-string "%[src]:%[src_port] %[dst]:%[dst_port]"`;

/**
 * Starts it in a temporary directory of its own on `stack`. `body` gets the port to bind and returns the configuration
 * of its one proxy, which may refer to `files` by their names.
 */
export async function startHaproxy(
  stack: AsyncDisposableStack,
  body: (port: number) => string,
  files: Readonly<Record<string, string>> = {},
): Promise<RunningServer> {
  const home = stack.use(await Home.make("haproxy"));
  for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(join(home.path, name), text);
  return stack.use(
    await home.start((port) => {
      const path = join(home.path, `${port}.cfg`);
      Deno.writeTextFileSync(
        path,
        `defaults\n  timeout connect 10s\n  timeout client 1m\n  timeout server 1m\nlisten test${
          body(port)
        }\n`,
      );
      // As a master with a worker (-W), it writes a line when it listens.
      const args = ["-W", "-db", "-f", path];
      return { program: "haproxy", args, port, ready: /Loading success/, stop: "SIGTERM" };
    }),
  );
}
