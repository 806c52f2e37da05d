/** The proxy as a library. */

import type { ProxyOptions } from "../config/options.ts";
import type { SingleProxyOptions } from "../config/single_options.ts";
import type { RunningProxy } from "./library/running_proxy.ts";

/**
 * Starts a proxy: of one service, which listens on a free port of 127.0.0.1 unless `listen` says otherwise, or of
 * several `services`. It runs in this thread unless `options.workers` says otherwise. It logs to stderr only if
 * `options.log` is given.
 *
 * @throws {ConfigError} naming every problem of the options, certificates and keys included
 * @throws {ListenError} when an address cannot be bound; nothing listens then. {@linkcode AdminListenError} for that
 * of the admin interface
 * @throws {LogFileError} when the access log cannot be opened
 * @throws {DescriptorError} when the process may not open enough descriptors for `limits.connections`
 *
 * @example Send a request through a proxy
 * ```ts
 * import assert from "node:assert/strict";
 * import { startProxy } from "@sluice/sluice";
 *
 * using upstream = Deno.listen({ hostname: "127.0.0.1", port: 0 });
 * await using proxy = await startProxy({ upstream: `127.0.0.1:${upstream.addr.port}` });
 *
 * using client = await Deno.connect({ port: proxy.port });
 * using accepted = await upstream.accept();
 * await client.write(new TextEncoder().encode("hello"));
 * assert.equal(await accepted.read(new Uint8Array(16)), 5);
 * ```
 */
export async function startProxy(options: ProxyOptions | SingleProxyOptions): Promise<RunningProxy> {
  // Imported only now: main.ts exports this function and is also the program, which must handle signals
  // before it loads more.
  const [
    { asWritten, decodeOptions },
    { withSeed },
    { silentLog },
    { stderrLog },
    { runProxy },
    { libraryProxy },
  ] = await Promise.all(
    [
      import("../config/library.ts"),
      import("../config/input/seed.ts"),
      import("../observe/log/log.ts"),
      import("./files/process_log.ts"),
      import("./proxy.ts"),
      import("./library/running_proxy.ts"),
    ],
  );
  const config = withSeed(decodeOptions(options, { faults: true }));
  const log = options.log === undefined ? silentLog() : stderrLog(config.log);
  const proxy = await runProxy(config, log).catch((error) => {
    throw asWritten(error, options);
  });
  const running = libraryProxy(proxy);
  // Every thread knows by its answer that events are wanted: the first connection is not missed.
  await proxy.supervisor.parts.threads.all.report();
  return running;
}
