/** What a line of the access log says of a connection. */

import type { CloseReason } from "../close_reason.ts";
import type { Fields } from "./line_format.ts";

/** What is known of a connection; undefined or empty is not known. Times are in milliseconds. */
export interface ConnectionFacts {
  readonly id: number;
  readonly service: string;
  /** Whose it is, address and port: the peer, or who a PROXY header says. */
  readonly client: string;
  /** The peer, where a PROXY header told of another client. */
  readonly peer: string | undefined;
  /** Where the client connected to. */
  readonly listener: string;
  /** The place in the list of the route that it took, from 0; undefined for the service's own upstream. */
  readonly route: number | undefined;
  readonly serverName: string | undefined;
  readonly alpn: string | undefined;
  readonly tlsVersion: string | undefined;
  readonly clientSubject: string | undefined;
  /** What a PROXY header calls the connection, in hexadecimal digits. */
  readonly uniqueId: string | undefined;
  readonly upstream: string;
  readonly endpoint: string;
  /** Endpoints tried. */
  readonly attempts: number;
  /** How long it took to find and connect its upstream, all attempts together. */
  readonly connectTime: number | undefined;
  /** From accept to the first byte that was relayed. */
  readonly firstByteFromClient: number | undefined;
  readonly firstByteFromUpstream: number | undefined;
  readonly fromClient: { readonly bytes: number };
  readonly fromUpstream: { readonly bytes: number };
  /** Since it was accepted. */
  readonly age: number;
}

/** The fields of the line about a connection that has ended. */
export function accessFields(connection: ConnectionFacts, ending: CloseReason): Fields {
  return {
    event: `connection_${ending.kind}`,
    service: connection.service,
    client: connection.client,
    peer: connection.peer,
    id: connection.id,
    listener: connection.listener || undefined,
    sni: connection.serverName,
    alpn: connection.alpn,
    tls: connection.tlsVersion,
    client_subject: connection.clientSubject,
    unique_id: connection.uniqueId,
    route: connection.route,
    upstream: connection.upstream || undefined,
    endpoint: connection.endpoint || undefined,
    attempts: connection.attempts || undefined,
    connect_ms: tenths(connection.connectTime),
    first_byte_client_ms: tenths(connection.firstByteFromClient),
    first_byte_upstream_ms: tenths(connection.firstByteFromUpstream),
    ...ending.kind === "closed" && {
      bytes_from_client: connection.fromClient.bytes,
      bytes_from_upstream: connection.fromUpstream.bytes,
    },
    duration_ms: Math.round(connection.age),
    ended_by: ending.endedBy,
    reason: ending.reason,
    code: ending.code,
    detail: ending.detail,
  };
}

/** To a tenth of a millisecond, which is what they are for in a local network. */
export function tenths(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined ? undefined : Math.round(milliseconds * 10) / 10;
}
