/** Mutants that no test can notice, as nothing that can be seen is different, and why. */

export interface Equivalent {
  readonly file: string;
  /** The line of the source without the space around it: line numbers move. */
  readonly code: string;
  /** What is changed into what; left out, whatever is changed in this line. */
  readonly original?: string;
  readonly replacement?: string;
  readonly reason: string;
}

export const EQUIVALENT: readonly Equivalent[] = [
  {
    file: "src/net/tls/server.ts",
    code: "const isVerified = socket.authorized && !socket.isSessionReused() && notBefore <= now &&",
    original: "<=",
    reason: "in this one millisecond ChainVerifier judges the chain as well, and takes it for good",
  },
  {
    file: "src/net/tls/server.ts",
    code: "now <= notAfter;",
    original: "<=",
    reason: "in this one millisecond ChainVerifier judges the chain as well, and takes it for good",
  },
  {
    file: "src/net/tls/credentials.ts",
    code: "const mode = await fileInfo(path).then((info) => info.mode ?? 0, () => 0);",
    original: "0",
    reason: "1 lets nobody read either",
  },
  {
    file: "src/net/tls/credentials.ts",
    code: "const mode = await fileInfo(path).then((info) => info.mode ?? 0, () => 0);",
    original: "info.mode ?? 0",
    reason: "null has no bits either",
  },
  {
    file: "src/net/tls/contexts.ts",
    code: "const NO_TIMEOUT = -1;",
    original: "1",
    replacement: "2",
    reason: "any number below 0 is no timeout",
  },
  {
    file: "src/net/tls/duplex.ts",
    code: "if (error !== undefined || this.writableLength === 0) return super.destroy(error);",
    original: "return super.destroy(error);",
    reason: "a stream that is destroyed once more does nothing",
  },
  {
    file: "src/net/tls/duplex.ts",
    code: "if (count <= LARGEST_PIECE) this.push(bytes);",
    original: "<=",
    reason: "a read of just one piece is pushed as it is either way",
  },
  {
    file: "src/net/tls/duplex.ts",
    code: "else this.#buffer.written();",
    reason: "nobody asks this buffer whether it is busy; RelayBuffer wants to be told all the same",
  },
  {
    file: "src/net/tls/duplex.ts",
    code: "if (bytes.buffer.byteLength > ALWAYS_READ) this.#buffer.unused();",
    original: ">",
    reason: "buffers of 64 KiB go back to the pool and come from there again: a matter of time alone",
  },
  {
    file: "src/net/tls/duplex.ts",
    code: "for (let start = 0; start < bytes.byteLength && !this.destroyed; start += LARGEST_PIECE) {",
    original: "<",
    reason: "a piece of no bytes changes nothing in a stream that goes on",
  },
  {
    file: "src/relay/direction.ts",
    code: "const BULK = 32 * 1024;",
    reason: "when streams begin is a matter of speed: the same bytes pass",
  },
  {
    file: "src/relay/direction.ts",
    code: "if (length >= this.#bulk) return this.#stream(length);",
    original: ">=",
    replacement: ">",
    reason: "when streams begin is a matter of speed: the same bytes pass",
  },
  {
    file: "src/relay/direction.ts",
    code: "this.#bulk = rate > 0 ? 0 : Math.min(BULK, buffer.largest);",
    original: ">",
    reason: "when streams begin is a matter of speed: the same bytes pass",
  },
  {
    file: "src/relay/direction.ts",
    code: "this.#bulk = rate > 0 ? 0 : Math.min(BULK, buffer.largest);",
    original: "0",
    reason: "no read is shorter than one byte, nor is the buffer larger than that at a byte a second",
  },
  {
    file: "src/relay/relay.ts",
    code: "#sentByOther = 0;",
    reason: "it is looked at only once a side has finished, which sets it",
  },
  {
    file: "src/net/socket/dial.ts",
    code: 'socket.off("error", onError);',
    reason: "to reject what is resolved does nothing: it only frees memory",
  },
  {
    file: "src/net/socket/dial.ts",
    code: "return await connect(hostname, signal);",
    original: "await connect(hostname, signal)",
    reason: "a promise that is returned is awaited by dial(): only the stack of an error tells",
  },
  {
    file: "src/relay/streams.ts",
    code: "const UNQUEUED = { highWaterMark: 0 };",
    reason: "a source reads one chunk at a time however many are asked for, as there is one buffer",
  },
  {
    file: "src/relay/streams.ts",
    code: "const ROOMY = { highWaterMark: 2 };",
    reason: "room in queues that never fill is a matter of speed",
  },
  {
    file: "src/proxy/connection.ts",
    code: "this.#client = readAhead > 0 ? new ReadAheadConn(client, readAhead) : client;",
    original: ">",
    reason: "one that reads no byte ahead passes everything on: it costs some memory",
  },
  {
    file: "src/net/socket/read_ahead_conn.ts",
    code: "if (this.#buffer === undefined) return await this.inner.read(buffer);",
    original: "await this.inner.read(buffer)",
    reason: "a promise that an async function returns is waited for either way, a microtask or two longer",
  },
  {
    file: "src/net/socket/read_ahead_conn.ts",
    code: "return await this.inner.read(buffer);",
    original: "await this.inner.read(buffer)",
    reason: "a promise that an async function returns is waited for either way, a microtask or two longer",
  },
  {
    file: "src/net/socket/node_conn.ts",
    code: "const room = this.#reading?.buffer.byteLength ?? 0;",
    original: "0",
    reason: "as a chunk has at least one byte, room for one is as little as none",
  },
  {
    file: "src/net/socket/node_conn.ts",
    code: "this.#early = undefined;",
    reason: "a descriptor that is closed once more stays closed",
  },
  {
    file: "src/net/buffers.ts",
    code: "#smallReads = 0;",
    original: "0",
    reason: "nothing shrinks before it has grown, and then it counts anew",
  },
  {
    file: "src/proxy/admission.ts",
    code: "const NO_ADDRESS: TableKey = { family: 0, high: 0, low: 0 };",
    reason: "a client with an address is of the family 4 or 6, and no other",
  },
  {
    file: "src/net/socket/dial.ts",
    code: "return addresses.length === 1",
    original: "1",
    replacement: "0",
    reason: "a race that one address runs alone is that address: it costs a timer",
  },
  {
    file: "src/upstream/connector.ts",
    code: "#generation = 0;",
    reason: "a number that is compared with itself of earlier, and only for being the same",
  },
  {
    file: "src/upstream/connector.ts",
    code: "this.#generation += 1;",
    original: "+=",
    reason: "a number that is compared with itself of earlier, and only for being the same",
  },
  {
    file: "src/upstream/connector.ts",
    code: "this.#generation += 1;",
    original: "1",
    replacement: "2",
    reason: "a number that is compared with itself of earlier, and only for being the same",
  },
  {
    file: "src/upstream/connector.ts",
    code: "return await this.#openNew(endpoint, found, within, preface);",
    original: "await this.#openNew(endpoint, found, within, preface)",
    reason: "a promise that is returned is awaited by whoever called: only the stack of an error tells",
  },
  {
    file: "src/upstream/connector.ts",
    code: "? await this.#openNew(endpoint, undefined, within, preface)",
    original: "await this.#openNew(endpoint, undefined, within, preface)",
    reason: "a promise that is returned is awaited by whoever called: only the stack of an error tells",
  },
  {
    file: "src/upstream/group.ts",
    code: "return true;",
    reason: "a group does not ask which of its endpoints were updated",
  },
  {
    file: "src/upstream/group.ts",
    code: "const only = tier.length === 1 ? tier[0]! : undefined;",
    original: "1",
    replacement: "0",
    reason: "without the short cut the policy chooses the only one: a matter of speed",
  },
  {
    file: "src/upstream/group.ts",
    code: "const only = tier.length === 1 ? tier[0]! : undefined;",
    original: "0",
    replacement: "1",
    reason: "without the short cut the policy chooses the only one: a matter of speed",
  },
  {
    file: "src/upstream/connector.ts",
    code: "return undefined;",
    reason: "at its end a function returns undefined by itself",
  },
  {
    file: "src/upstream/group.ts",
    code: "return undefined;",
    reason: "at its end a function returns undefined by itself",
  },
  {
    file: "src/upstream/health/settling.ts",
    code: "#findings: Findings = { hasUsable: false, isPending: true };",
    original: "false",
    reason: "update() is told both before hasUsable is looked at",
  },
  {
    file: "src/upstream/health/settling.ts",
    code: "this.#waiting.delete(resolve);",
    reason: "what is resolved already is resolved once more: only memory is held longer",
  },
  {
    file: "src/upstream/balance/endpoint_choice.ts",
    code: "sawFull = false;",
    reason: "begin() says so before anybody asks",
  },
  {
    file: "src/upstream/balance/endpoint_choice.ts",
    code: "#areChecked = false;",
    reason: "begin() says so before anybody asks",
  },
  {
    file: "src/upstream/pool/connection_semaphore.ts",
    code: "return this.#waiters.size > 0 || this.#gauge.isAwaited;",
    original: "0",
    replacement: "1",
    reason: "those who wait here are seen in the gauge as well, which takes a little longer",
  },
  {
    file: "src/upstream/pool/connection_semaphore.ts",
    code: 'signal.removeEventListener("abort", onAbort);',
    reason: "who is served already is not served or refused again: only memory is held longer",
  },
  {
    file: "src/upstream/pool/connection_semaphore.ts",
    code: 'signal.addEventListener("abort", onAbort, { once: true });',
    original: "true",
    replacement: "false",
    reason: "a signal aborts once",
  },
  {
    file: "src/upstream/pool/reuse_conn.ts",
    code: "const READ_AHEAD = 32 * 1024;",
    original: "32",
    replacement: "33",
    reason: "how much is read at once is a matter of speed",
  },
  {
    file: "src/upstream/pool/reuse_conn.ts",
    code: "idleSince = 0;",
    reason: "free() says since when, before it can wait anywhere",
  },
  {
    file: "src/upstream/pool/reuse_conn.ts",
    code: "this.#quiet = undefined;",
    reason: "a timer that was cleared and a promise that is over stay so",
  },
  {
    file: "src/upstream/pool/warm_pool.ts",
    code: "supply.pause = 0;",
    original: "0",
    replacement: "1",
    reason: "twice 1 is still less than the first pause",
  },
  {
    file: "src/upstream/pool/stale_conn_retry.ts",
    code: "return undefined;",
    reason: "at its end a function returns undefined by itself",
  },
  {
    file: "src/upstream/pool/stale_conn_retry.ts",
    code: "return await this.inner.read(buffer);",
    original: "await this.inner.read(buffer)",
    reason: "a promise that is returned is awaited by whoever called: only the stack of an error tells",
  },
  {
    file: "src/upstream/pool/stale_conn_retry.ts",
    code: "return await this.inner.write(bytes);",
    original: "await this.inner.write(bytes)",
    reason: "a promise that is returned is awaited by whoever called: only the stack of an error tells",
  },
  {
    file: "src/upstream/health/hysteresis.ts",
    code: "#against = 0;",
    reason: "the first result decides by itself, and the count begins with it",
  },
  {
    file: "src/upstream/group_controller.ts",
    code: "return undefined;",
    reason: "at its end a function returns undefined by itself",
  },
  {
    file: "src/upstream/endpoint_controller.ts",
    code: "this.#backIn = setTimeout(wait, Math.max(1, ejection.until - performance.now()));",
    original: "1",
    reason: "how soon a timer that was early by less than a millisecond is set again: a matter of time alone",
  },
  {
    file: "src/upstream/upstream_dialer.ts",
    code: "return tls === undefined ? conn : await secure(tls, endpoint, conn, signal);",
    original: "await secure(tls, endpoint, conn, signal)",
    reason: "a promise that is returned is awaited by whoever called: only the stack of an error tells",
  },
  {
    file: "src/upstream/pool/idle_conn_list.ts",
    code: "const SHORTEST_LOOK = 5;",
    reason: "how often it is looked for what is too old is a matter of speed: who takes one looks anyway",
  },
  {
    file: "src/upstream/discovery/resolver.ts",
    code: 'signal.addEventListener("abort", this.#onAbort, { once: true });',
    original: "true",
    replacement: "false",
    reason: "a signal aborts once",
  },
  {
    file: "src/upstream/discovery/discovery.ts",
    code: "return a < b ? -1 : Number(a > b);",
    original: "1",
    replacement: "2",
    reason: "only the sign of it counts",
  },
  {
    file: "src/upstream/discovery/discovery.ts",
    code: "await wait(Math.max(due - now(), 0), signal);",
    original: "0",
    replacement: "1",
    reason: "a millisecond more before it is asked again is a matter of time alone",
  },
  {
    file: "src/upstream/discovery/entry_names.ts",
    code: "return { priority: 0, weight: 1, port, target: name };",
    original: "0",
    replacement: "1",
    reason: "the one record there is comes first whatever its priority",
  },
  {
    file: "src/upstream/discovery/entry_names.ts",
    code: "return { priority: 0, weight: 1, port, target: name };",
    original: "1",
    replacement: "0",
    reason: "a weight of 0 counts as 1",
  },
  {
    file: "src/upstream/balance/smooth_weighted_round_robin.ts",
    code: "this.lock = new SharedLock(new Int32Array(this.memory, 0, 1), 0);",
    original: "1",
    replacement: "2",
    reason: "the lock is the first word, however many more are seen",
  },
  {
    file: "src/upstream/balance/smooth_weighted_round_robin.ts",
    code: "let next = -1;",
    reason: "somebody is allowed, as the total is not 0, and so it is set",
  },
  {
    file: "src/upstream/balance/random_two.ts",
    code: "if (first === undefined || allowed.length === 1) return first;",
    original: "1",
    replacement: "0",
    reason: "of one alone there is no second to be drawn: a matter of speed",
  },
  {
    file: "src/upstream/balance/source_hash.ts",
    code: "let highest = -1;",
    original: "1",
    reason: "it is below every hash, but for one in 2 ** 32",
  },
];
