/**
 * A span for each connection, made at its end from what was recorded anyway, so it costs nothing before. TCP has no
 * place for a trace context, so each span is the root of its trace. Names follow the semantic conventions of
 * OpenTelemetry: https://opentelemetry.io/docs/specs/semconv/registry/attributes/.
 */

import { isOnPurpose } from "../../net/errors.ts";
import type { CloseReason } from "../close_reason.ts";
import type { ConnectionRecord } from "../counters/ledger.ts";
import { activeTelemetry, type Attributes, SCOPE, type Telemetry, type Tracer } from "./telemetry.ts";

/** SpanKind.SERVER and SpanStatusCode.ERROR of `@opentelemetry/api`. */
const SERVER = 1;
const ERROR = 2;
/** The flag of a trace that is sampled (https://www.w3.org/TR/trace-context/#sampled-flag). */
const SAMPLED = 1;

/** The facts of a connection that has ended. Times are in milliseconds. */
export type EndedConnection =
  & Pick<
    ConnectionRecord,
    | "id"
    | "service"
    | "client"
    | "peer"
    | "listener"
    | "serverName"
    | "alpn"
    | "tlsVersion"
    | "clientSubject"
    | "route"
    | "upstream"
    | "endpoint"
    | "attempts"
    | "openedAt"
    | "state"
    | "stateAge"
    | "age"
    | "firstByteFromClient"
    | "firstByteFromUpstream"
  >
  & { readonly fromClient: { readonly bytes: number }; readonly fromUpstream: { readonly bytes: number } };

export class ConnectionSpans {
  readonly #tracer: Tracer;

  constructor({ tracerProvider }: Pick<Telemetry, "tracerProvider">) {
    this.#tracer = tracerProvider.getTracer(SCOPE);
  }

  /** Undefined while nothing is exported. */
  static ifActive(): ConnectionSpans | undefined {
    const telemetry = activeTelemetry("TRACING");
    return telemetry && new ConnectionSpans(telemetry);
  }

  /** A connection has ended, however far it came. */
  ended(connection: EndedConnection, { code, reason, key, endedBy }: CloseReason): void {
    const { service, openedAt, age, state, stateAge } = connection;
    const options = { root: true, kind: SERVER, startTime: openedAt } as const;
    const span = this.#tracer.startSpan(`connection ${service}`, options);
    // `isRecording()` of Deno 2.9.6 is true for all.
    if ((span.spanContext().traceFlags & SAMPLED) === 0) return;
    span.setAttributes(withoutMissing({
      ...attributesOf(connection),
      "error.type": code,
      "sluice.reason": key,
      "sluice.ended_by": endedBy,
    }));
    span.addEvent("accept", openedAt);
    if (state === "open") span.addEvent("connect", openedAt + age - stateAge);
    const { firstByteFromClient, firstByteFromUpstream } = connection;
    if (firstByteFromClient !== undefined) {
      span.addEvent("first byte from client", openedAt + firstByteFromClient);
    }
    if (firstByteFromUpstream !== undefined) {
      span.addEvent("first byte from upstream", openedAt + firstByteFromUpstream);
    }
    span.addEvent("close", openedAt + age);
    if (code !== undefined && !isOnPurpose(code)) span.setStatus({ code: ERROR, message: reason });
    span.end(openedAt + age);
  }
}

function attributesOf(connection: EndedConnection): Attributes {
  const { client, peer = client, listener, endpoint, tlsVersion, route, attempts } = connection;
  const [clientAddress, clientPort] = hostAndPort(client);
  const [peerAddress, peerPort] = hostAndPort(peer);
  const [localAddress, localPort] = hostAndPort(listener);
  const [serverAddress, serverPort] = hostAndPort(endpoint);
  const isUnix = listener.startsWith("unix:");
  return {
    "client.address": clientAddress,
    "client.port": clientPort,
    "network.transport": isUnix ? "unix" : "tcp",
    "network.type": isUnix ? undefined : peer.startsWith("[") ? "ipv6" : "ipv4",
    "network.peer.address": peerAddress,
    "network.peer.port": peerPort,
    "network.local.address": localAddress,
    "network.local.port": localPort,
    "server.address": serverAddress,
    "server.port": serverPort,
    "tls.client.server_name": connection.serverName,
    "tls.next_protocol": connection.alpn,
    "tls.protocol.version": tlsVersion?.replace("TLSv", ""),
    "tls.client.subject": connection.clientSubject,
    "sluice.service": connection.service,
    "sluice.connection.id": BigInt(connection.id),
    "sluice.route": route === undefined ? undefined : BigInt(route),
    "sluice.upstream": connection.upstream || undefined,
    "sluice.attempts": attempts === 0 ? undefined : BigInt(attempts),
    "sluice.bytes_from_client": BigInt(connection.fromClient.bytes),
    "sluice.bytes_from_upstream": BigInt(connection.fromUpstream.bytes),
  };
}

/** Of `127.0.0.1:80`, `[::1]:80` or `unix:/run/x.sock`. */
function hostAndPort(address: string): [string | undefined, bigint | undefined] {
  const [, host, port] = /^\[?(.*?)\]?:(\d+)$/.exec(address) ?? [];
  if (host !== undefined) return [host, BigInt(port!)];
  return [address.replace(/^unix:/, "") || undefined, undefined];
}

function withoutMissing(attributes: Attributes): Attributes {
  return Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
}
