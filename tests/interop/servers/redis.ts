/** Starts Redis. */

import { Home } from "../../support/servers/server_home.ts";
import type { RunningServer } from "../../support/servers/server_process.ts";

export const REDIS = { needs: ["redis-server"], install: "apt-get install redis-server" };
export const REDIS_AND_TOOLS = { ...REDIS, needs: ["redis-server", "redis-benchmark"] };

/** Starts it on 127.0.0.1 with more arguments, in a home of its own on `stack`. */
export async function startRedis(stack: AsyncDisposableStack, args: string[] = []): Promise<RunningServer> {
  const home = stack.use(await Home.make("redis"));
  return stack.use(
    await home.start((port) => ({
      program: "redis-server",
      args: ["--bind", "127.0.0.1", "--port", `${port}`, "--save", "", "--dir", home.path, ...args],
      port,
      ready: /Ready to accept connections/,
      stop: "SIGKILL",
    })),
  );
}
