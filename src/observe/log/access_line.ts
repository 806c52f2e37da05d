/** The fields of a line of the access log. */

import type { CloseReason } from "../close_reason.ts";
import type { Fields } from "./line_format.ts";

/** The facts about a connection; unknown ones are undefined or empty. Times are in milliseconds. */
export interface ConnectionFacts {
  readonly id: number;
  readonly service: string;
  /** Address and port of the client: the peer, or the source in a PROXY header. */
  readonly client: string;
  /** The peer, if a PROXY header named another client. */
  readonly peer: string | undefined;
  /** The address that the client connected to. */
  readonly listener: string;
  /** The index of its route; undefined for the upstream of the service itself. */
  readonly route: number | undefined;
  readonly serverName: string | undefined;
  readonly alpn: string | undefined;
  readonly tlsVersion: string | undefined;
  readonly clientSubject: string | undefined;
  /** PP2_TYPE_UNIQUE_ID of a PROXY header, in hexadecimal digits. */
  readonly uniqueId: string | undefined;
  readonly upstream: string;
  readonly endpoint: string;
  /** How many endpoints were tried. */
  readonly attempts: number;
  /** How long the connect to its upstream took, with all attempts. */
  readonly connectTime: number | undefined;
  /** From accept to the first relayed byte. */
  readonly firstByteFromClient: number | undefined;
  readonly firstByteFromUpstream: number | undefined;
  readonly fromClient: { readonly bytes: number };
  readonly fromUpstream: { readonly bytes: number };
  /** Since it was accepted. */
  readonly age: number;
}

export function accessFields(connection: ConnectionFacts, closeReason: CloseReason): Fields {
  return {
    event: `connection_${closeReason.kind}`,
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
    ...closeReason.kind === "closed" && {
      bytes_from_client: connection.fromClient.bytes,
      bytes_from_upstream: connection.fromUpstream.bytes,
    },
    duration_ms: Math.round(connection.age),
    ended_by: closeReason.endedBy,
    reason: closeReason.reason,
    code: closeReason.code,
    detail: closeReason.detail,
  };
}

/** Rounded to a tenth of a millisecond, because whole ones are too coarse in a local network. */
export function tenths(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined ? undefined : Math.round(milliseconds * 10) / 10;
}
