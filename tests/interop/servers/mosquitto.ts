/** Starts the MQTT broker mosquitto. */

import { join } from "node:path";
import { Home } from "../../support/servers/server_home.ts";
import type { RunningServer } from "../../support/servers/server_process.ts";

export const MOSQUITTO = { needs: ["mosquitto"], install: "apt-get install mosquitto" };
export const MOSQUITTO_AND_CLIENTS = {
  needs: ["mosquitto", "mosquitto_pub", "mosquitto_sub"],
  install: "apt-get install mosquitto mosquitto-clients",
};

/** Starts it in a home of its own on `stack`, on 127.0.0.1, with more lines of its configuration. */
export async function startMosquitto(
  stack: AsyncDisposableStack,
  lines: readonly string[] = ["allow_anonymous true"],
): Promise<RunningServer> {
  const home = stack.use(await Home.make("mosquitto"));
  return stack.use(
    await home.start((port) => {
      const path = join(home.path, `${port}.conf`);
      const all = [`listener ${port} 127.0.0.1`, "log_dest stderr", ...lines];
      Deno.writeTextFileSync(path, all.map((line) => `${line}\n`).join(""));
      return {
        program: "mosquitto",
        args: ["-c", path],
        port,
        ready: /mosquitto version .* running/,
        stop: "SIGTERM",
      };
    }),
  );
}
