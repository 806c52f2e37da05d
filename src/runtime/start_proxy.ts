/** The proxy as a library. */

import type { ProxyOptions } from "../config/options.ts";
import type { RunningProxy } from "./proxy.ts";

/**
 * Starts a proxy, in this thread unless `options.workers` says otherwise. It logs to stderr only if `options.log` is given.
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
 * await using proxy = await startProxy({
 *   services: [{ name: "db", listen: 0, upstream: `127.0.0.1:${upstream.addr.port}` }],
 * });
 *
 * const port = Number(proxy.services[0]!.listen[0]!.split(":")[1]);
 * using client = await Deno.connect({ port });
 * using accepted = await upstream.accept();
 * await client.write(new TextEncoder().encode("hello"));
 * assert.equal(await accepted.read(new Uint8Array(16)), 5);
 * ```
 */
export async function startProxy(options: ProxyOptions): Promise<RunningProxy> {
  // Imported only now: main.ts exports this function and is also the program, which must handle signals
  // before it loads more.
  const [{ decodeOptions }, { silentLog }, { stderrLog }, { runProxy }] = await Promise.all([
    import("../config/library.ts"),
    import("../observe/log/log.ts"),
    import("./files/process_log.ts"),
    import("./proxy.ts"),
  ]);
  const config = decodeOptions(options);
  return await runProxy(config, options.log === undefined ? silentLog() : stderrLog(config.log));
}
