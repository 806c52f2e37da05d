/** The stream of events: in order, with the end of each connection. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { AdminEvent } from "../../../src/admin/views.ts";
import { CertificateAuthority, OPENSSL } from "../../support/certificates.ts";
import { interopTest } from "../../support/interop.ts";
import { Admin } from "../../support/program/admin.ts";
import { brief, type EventReader } from "../../support/program/event_reader.ts";
import { PATIENCE } from "../../support/peers/line_reader.ts";
import { Sluice, within, workers } from "../../support/program/program.ts";
import { resettableServer, upstream } from "../../support/peers/sockets.ts";

/** A connection through the program that has carried "hello" up and "hi" down. */
interface Talk {
  readonly sluice: Sluice;
  readonly admin: Admin;
  readonly client: Socket;
  /** The upstream's side. */
  readonly server: Socket;
  /** Its number. */
  readonly id: number;
}

interface RelayedCase {
  readonly way: string;
  /** More keys of the service. */
  readonly service?: readonly string[];
  /** Ends the connection; not needed where it ends by itself. */
  readonly end?: (talk: Talk) => unknown;
  readonly reason: string;
  /** Events before the end, besides `opened` and `connected`. */
  readonly before?: readonly string[];
}

const RELAYED: readonly RelayedCase[] = [
  {
    way: "the client finishes, then the upstream",
    end: async ({ client, server }) => {
      client.end();
      await once(server, "end");
      server.end();
    },
    reason: "client_closed",
  },
  { way: "the upstream finishes", end: ({ server }) => server.end(), reason: "upstream_closed" },
  {
    way: "the client resets",
    end: ({ client }) => client.resetAndDestroy(),
    reason: "client_connection_reset",
  },
  {
    way: "the upstream resets",
    end: ({ server }) => server.resetAndDestroy(),
    reason: "upstream_connection_reset",
  },
  { way: "neither side sends a byte", service: ["idle_timeout: 500ms"], reason: "idle_timeout" },
  {
    way: "the client finishes, and the upstream does nothing more",
    service: ["half_close_timeout: 100ms"],
    end: ({ client }) => client.end(),
    reason: "half_close_timeout",
  },
  { way: "its time is over", service: ["limits: { lifetime: 1s }"], reason: "lifetime" },
  { way: "it is killed", end: ({ admin, id }) => admin.kill(id), reason: "killed" },
  {
    way: "its endpoint is set down",
    end: async ({ admin }) => {
      const [{ endpoint } = { endpoint: null }] = await admin.connections();
      await admin.setEndpoint(endpoint!, "down");
    },
    before: ["endpoint operator"],
    reason: "endpoint_down",
  },
  {
    way: "the program drains, for no longer than it may",
    end: ({ admin }) => admin.ask("POST", "/api/v1/drain", { deadline: 1 }),
    before: ["drain"],
    reason: "shutdown",
  },
  {
    way: "the program gets two signals to stop",
    end: async ({ sluice }) => {
      sluice.kill("SIGINT");
      await sluice.logged("stopping");
      sluice.kill("SIGINT");
    },
    before: ["drain"],
    reason: "shutdown",
  },
];

for (const { way, service = [], end, reason, before = [] } of RELAYED) {
  Deno.test(`events of a connection: ${way}: closed, ${reason}`, async () => {
    await using server = await resettableServer();
    await using sluice = await startBefore(server.address, service);
    const admin = new Admin(sluice);
    using events = await admin.events();
    const began = performance.now();
    const client = clientOf(sluice);
    const accepted = await server.accepted();
    const connected = performance.now();
    accepted.write("hi");
    await within(PATIENCE, "hi", once(client, "data"));
    client.write("hello");
    await within(PATIENCE, "hello", once(accepted, "data"));
    // Several threads delay their reports for a moment, in which another report may come first.
    const [opened] = await events.until(({ type }) => type === "connected");
    const facts = { id: idOf(opened), service: "test", client: `127.0.0.1:${client.localPort}` };
    const least = performance.now() - connected;
    await end?.({ sluice, admin, client, server: accepted, id: facts.id });

    const all = await events.until(isEnd);
    const most = performance.now() - began;
    client.destroy();
    assert.deepEqual(all.map(brief), ["opened", "connected", ...before, `closed ${reason}`]);
    const { time, duration_ms, ...closed } = all.at(-1) as AdminEvent & { type: "closed" };
    const { endpoint } = closed;
    assert.equal(endpoint, server.address);
    assert.deepEqual(closed, {
      type: "closed",
      ...facts,
      endpoint,
      reason,
      bytes: { upload: 5, download: 2 },
    });
    assert.deepEqual(all[0], { type: "opened", time: all[0]!.time, ...facts });
    assert.deepEqual(all[1], {
      type: "connected",
      time: all[1]!.time,
      ...facts,
      upstream: "group",
      endpoint,
    });
    const times = all.map((event) => Date.parse(event.time));
    // The reports of another thread come up to 10 ms later, or more if it has to wait for its turn.
    if (workers === 1) assert.deepEqual(times, times.toSorted((a, b) => a - b));
    // Both are rounded.
    for (const took of [duration_ms, Date.parse(time) - Date.parse(all[0]!.time)]) {
      assert.ok(took >= least - 1 && took <= most + 1, `${took} ms are not between ${least} and ${most}`);
    }
  });
}

interface TurnedAwayCase {
  readonly way: string;
  /** More keys of the service. */
  readonly service: readonly string[];
  /** The bytes that the client sends; none by default. */
  readonly sends?: string;
  readonly end: string;
  readonly detail: RegExp;
}

const TURNED_AWAY: readonly TurnedAwayCase[] = [
  {
    way: "is denied",
    service: ["deny: [127.0.0.0/8]"],
    end: "refused access_denied",
    detail: /access denied/,
  },
  {
    way: "sends no PROXY header",
    service: ["accept_proxy_protocol: { from: [127.0.0.1] }"],
    sends: "GET / HTTP/1.1\r\n\r\n",
    end: "refused proxy_header_invalid",
    detail: /PROXY protocol header/,
  },
  { way: "finds no upstream", service: [], end: "failed connection_refused", detail: /connection refused/i },
];

for (const { way, service, sends = "", end, detail } of TURNED_AWAY) {
  Deno.test(`events of a client that ${way}: ${end}`, async () => {
    await using sluice = await startBefore("127.0.0.1:1", service);
    using events = await new Admin(sluice).events();
    clientOf(sluice).write(sends);
    await expectTurnedAway(events, end, detail);
  });
}

Deno.test("events of a client that connects when the service is full: refused connection_limit", async () => {
  await using server = await resettableServer();
  await using sluice = await startBefore(server.address, ["limits: { connections: 1 }"]);
  const first = clientOf(sluice);
  await server.accepted();
  const admin = new Admin(sluice);
  await admin.openConnection();
  using events = await admin.events();
  clientOf(sluice);
  await expectTurnedAway(events, "refused connection_limit", /connection limit/);
  first.destroy();
});

Deno.test("events of a client whose upstream does not speak TLS: failed tls_handshake_failed", async () => {
  await using server = upstream(async (conn) =>
    void await conn.write(new TextEncoder().encode("220 hello\r\n"))
  );
  await using sluice = await startBefore(server.address, ["upstream_tls: { server_name: mail.test }"]);
  using events = await new Admin(sluice).events();
  clientOf(sluice);
  await expectTurnedAway(events, "failed tls_handshake_failed", /TLS/);
});

interopTest(
  "events of a client that does not speak TLS: refused tls_handshake_failed",
  OPENSSL,
  async (stack) => {
    const authority = stack.use(await CertificateAuthority.create());
    const { cert, key } = await authority.issue({ name: "db.test" });
    const sluice = stack.use(await startBefore("127.0.0.1:1", [`tls: { cert: "${cert}", key: "${key}" }`]));
    const events = stack.use(await new Admin(sluice).events());
    clientOf(sluice).write("GET / HTTP/1.1\r\n\r\n");
    await expectTurnedAway(events, "refused tls_handshake_failed", /TLS/);
  },
);

/** A service "test" before a group "group" of one endpoint. */
function startBefore(address: string, service: readonly string[] = []): Promise<Sluice> {
  const keys = ["name: test", "listen: 0", "upstream: group", ...service];
  return Sluice.withConfig(`
admin: { listen: 127.0.0.1:0 }
upstreams: { group: { endpoints: ["${address}"], retry: { attempts: 1 } } }
services: [{ ${keys.join(", ")} }]
`);
}

/** The events show its outcome. */
function clientOf(sluice: Sluice): Socket {
  const client = connect({ host: "127.0.0.1", port: sluice.port() });
  client.on("error", () => {});
  return client;
}

async function expectTurnedAway(events: EventReader, end: string, detail: RegExp): Promise<void> {
  const all = await events.until(isEnd);
  assert.deepEqual(all.map(brief), ["opened", end]);
  const last = all[1] as AdminEvent & { type: "refused" | "failed" };
  assert.equal(last.id, idOf(all[0]));
  assert.match(last.detail, detail);
}

function isEnd({ type }: AdminEvent): boolean {
  return type === "closed" || type === "refused" || type === "failed";
}

function idOf(event: AdminEvent | undefined): number {
  assert.ok(event !== undefined && "id" in event);
  return event.id;
}
