/** Binds the address of the toxiproxy API. */

import { createToxiproxyServer } from "../../admin/toxiproxy/server.ts";
import type { Address } from "../../net/address.ts";
import type { Log } from "../../observe/log/log.ts";
import { listenFor, type ListeningAdmin } from "../admin/listener.ts";
import { RunningToxiproxy, type RunningToxiproxyOptions } from "./backend.ts";

/** @throws {AdminListenError} */
export function listenToxiproxy(
  { listen, takesOver }: { readonly listen: Address; readonly takesOver: boolean },
  log: Log,
  options: RunningToxiproxyOptions,
): Promise<ListeningAdmin> {
  return listenFor(
    "admin.toxiproxy",
    { listen, log, takesOver },
    () => createToxiproxyServer(new RunningToxiproxy(options), log),
  );
}
