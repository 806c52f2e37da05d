/** Serves the API of toxiproxy on its address. */

import { HttpServer } from "../../admin/http/http_server.ts";
import { ToxiproxyApi } from "../../admin/toxiproxy/api.ts";
import type { Address } from "../../net/address.ts";
import type { Log } from "../../observe/log/log.ts";
import { listenFor, type ListeningAdmin } from "../admin/listener.ts";
import { RunningToxiproxy, type RunningToxiproxyOptions } from "./backend.ts";

/** Test suites open a connection for each of their parallel clients. */
const MAX_CONNECTIONS = 256;
/** How often deadlines of connections are checked, in milliseconds. */
const LOOK_EVERY = 1000;

/** @throws {AdminListenError} */
export function listenToxiproxy(
  { listen, takesOver }: { readonly listen: Address; readonly takesOver: boolean },
  log: Log,
  options: RunningToxiproxyOptions,
): Promise<ListeningAdmin> {
  return listenFor("admin.toxiproxy", { listen, log, takesOver }, () => {
    const api = new ToxiproxyApi(new RunningToxiproxy(options), log);
    return new HttpServer({
      answer: (request) => api.answer(request),
      maxConnections: MAX_CONNECTIONS,
      now: () => performance.now(),
      lookEvery: LOOK_EVERY,
    });
  });
}
