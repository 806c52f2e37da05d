/** Serves the API of toxiproxy on the connections passed to it. */

import type { Log } from "../../observe/log/log.ts";
import { HttpServer } from "../http/http_server.ts";
import { ToxiproxyApi } from "./api.ts";
import type { ToxiproxyBackend } from "./backend.ts";

/** Test suites open a connection for each of their parallel clients. */
const MAX_CONNECTIONS = 256;
/** How often deadlines of connections are checked, in milliseconds. */
const LOOK_EVERY = 1000;

export function createToxiproxyServer(backend: ToxiproxyBackend, log: Log): HttpServer {
  const api = new ToxiproxyApi(backend, log);
  return new HttpServer({
    answer: (request) => api.answer(request),
    maxConnections: MAX_CONNECTIONS,
    now: () => performance.now(),
    lookEvery: LOOK_EVERY,
  });
}
