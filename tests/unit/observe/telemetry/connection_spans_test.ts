import assert from "node:assert/strict";
import { ProxyError } from "../../../../src/net/errors.ts";
import { endBeforeRelay, endOfRelay } from "../../../../src/observe/close_reason.ts";
import { ConnectionSpans, type EndedConnection } from "../../../../src/observe/telemetry/connection_spans.ts";
import type { Attributes, SpanOptions } from "../../../../src/observe/telemetry/telemetry.ts";

const OPENED = 1_800_000_000_000;
const CLOSED = endOfRelay({ kind: "closed", first: "client" });

const RELAYED: EndedConnection = {
  id: 7,
  service: "pg",
  client: "10.0.0.1:1000",
  peer: "10.9.9.9:2000",
  listener: "10.0.0.5:5432",
  serverName: "db.example.com",
  alpn: "postgresql",
  tlsVersion: "TLSv1.3",
  clientSubject: "CN=me",
  route: 0,
  upstream: "db",
  endpoint: "[2001:db8::1]:5432",
  attempts: 2,
  openedAt: OPENED,
  state: "open",
  stateAge: 90,
  age: 100.5,
  firstByteFromClient: 20,
  firstByteFromUpstream: 30,
  fromClient: { bytes: 5 },
  fromUpstream: { bytes: 6 },
};

Deno.test("ConnectionSpans.ended() makes a span with the facts and the moments of a connection", () => {
  const { spans, made } = fake();
  spans.ended(RELAYED, CLOSED);
  assert.deepEqual(made, [{
    name: "connection pg",
    options: { root: true, kind: 1, startTime: OPENED },
    attributes: {
      "client.address": "10.0.0.1",
      "client.port": 1000n,
      "network.transport": "tcp",
      "network.type": "ipv4",
      "network.peer.address": "10.9.9.9",
      "network.peer.port": 2000n,
      "network.local.address": "10.0.0.5",
      "network.local.port": 5432n,
      "server.address": "2001:db8::1",
      "server.port": 5432n,
      "tls.client.server_name": "db.example.com",
      "tls.next_protocol": "postgresql",
      "tls.protocol.version": "1.3",
      "tls.client.subject": "CN=me",
      "sluice.service": "pg",
      "sluice.connection.id": 7n,
      "sluice.route": 0n,
      "sluice.upstream": "db",
      "sluice.attempts": 2n,
      "sluice.bytes_from_client": 5n,
      "sluice.bytes_from_upstream": 6n,
      "sluice.reason": "client_closed",
      "sluice.ended_by": "client",
    },
    events: [
      ["accept", OPENED],
      ["connect", OPENED + 10.5],
      ["first byte from client", OPENED + 20],
      ["first byte from upstream", OPENED + 30],
      ["close", OPENED + 100.5],
    ],
    status: undefined,
    ended: OPENED + 100.5,
  }]);
});

Deno.test("ConnectionSpans.ended() reports errors, but not what was done on purpose", () => {
  const { spans, made } = fake();
  const unknown = { serverName: undefined, alpn: undefined, tlsVersion: undefined, clientSubject: undefined };
  const early: EndedConnection = {
    ...RELAYED,
    ...unknown,
    peer: undefined,
    route: undefined,
    endpoint: "",
    upstream: "",
    attempts: 0,
    state: "admitting",
    firstByteFromClient: undefined,
    firstByteFromUpstream: undefined,
    client: "unix:",
    listener: "unix:/run/pg.sock",
  };
  spans.ended(early, endBeforeRelay(new ProxyError("access_denied", "client")));
  spans.ended(early, endBeforeRelay(new ProxyError("shutdown", "proxy")));
  const [denied, stopped] = made;
  assert.deepEqual(denied!.attributes, {
    "network.transport": "unix",
    "network.local.address": "/run/pg.sock",
    "sluice.service": "pg",
    "sluice.connection.id": 7n,
    "sluice.bytes_from_client": 5n,
    "sluice.bytes_from_upstream": 6n,
    "error.type": "access_denied",
    "sluice.reason": "access_denied",
    "sluice.ended_by": "proxy",
  });
  assert.deepEqual(denied!.events, [["accept", OPENED], ["close", OPENED + 100.5]]);
  assert.deepEqual([denied!.status, stopped!.status], [{ code: 2, message: "access denied" }, undefined]);
});

Deno.test("ConnectionSpans.ended() writes nothing for a connection that is not sampled", () => {
  const { spans, made } = fake(0);
  spans.ended(RELAYED, CLOSED);
  assert.deepEqual(made.map(({ attributes, ended }) => [attributes, ended]), [[undefined, undefined]]);
});

interface MadeSpan {
  readonly name: string;
  readonly options: SpanOptions;
  attributes: Attributes | undefined;
  readonly events: [string, number][];
  status: unknown;
  ended: number | undefined;
}

/** Spans of a tracer that keeps them. */
function fake(traceFlags = 1): { spans: ConnectionSpans; made: MadeSpan[] } {
  const made: MadeSpan[] = [];
  const startSpan = (name: string, options: SpanOptions) => {
    const span: MadeSpan = {
      name,
      options,
      attributes: undefined,
      events: [],
      status: undefined,
      ended: undefined,
    };
    made.push(span);
    return {
      spanContext: () => ({ traceFlags }),
      setAttributes: (attributes: Attributes) => void (span.attributes = attributes),
      addEvent: (event: string, time: number) => void span.events.push([event, time]),
      setStatus: (status: unknown) => void (span.status = status),
      end: (time: number) => void (span.ended = time),
    };
  };
  return { spans: new ConnectionSpans({ tracerProvider: { getTracer: () => ({ startSpan }) } }), made };
}
