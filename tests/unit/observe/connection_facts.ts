import { AccessLog, type AccessLogParts, type ConnectionFacts } from "../../../src/observe/log/access_log.ts";
import { silentLog } from "../../../src/observe/log/log.ts";

/** An access log with the defaults of the configuration, except for the given parts. */
export function accessLog(parts: Partial<AccessLogParts> = {}): AccessLog {
  const log = silentLog();
  return new AccessLog({
    at: ["closed"],
    skip: undefined,
    sample: 1,
    sink: log,
    log,
    skipped: { add() {} },
    ...parts,
  });
}

/** A connection with few facts, and the given ones. */
export function connectionFacts(known: Partial<ConnectionFacts> = {}): ConnectionFacts {
  return {
    id: 1,
    service: "test",
    client: "127.0.0.1:4000",
    peer: undefined,
    listener: "127.0.0.1:5000",
    route: undefined,
    serverName: undefined,
    alpn: undefined,
    tlsVersion: undefined,
    clientSubject: undefined,
    uniqueId: undefined,
    upstream: "",
    endpoint: "",
    attempts: 0,
    faults: undefined,
    mirror: undefined,
    waitTime: undefined,
    connectTime: undefined,
    firstByteFromClient: undefined,
    firstByteFromUpstream: undefined,
    fromClient: { bytes: 0 },
    fromUpstream: { bytes: 0 },
    age: 0,
    ...known,
  };
}
