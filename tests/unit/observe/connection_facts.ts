import type { ConnectionFacts } from "../../../src/observe/log/access_log.ts";

/** A connection of which little is known, and what is given. */
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
    connectTime: undefined,
    firstByteFromClient: undefined,
    firstByteFromUpstream: undefined,
    fromClient: { bytes: 0 },
    fromUpstream: { bytes: 0 },
    age: 0,
    ...known,
  };
}
