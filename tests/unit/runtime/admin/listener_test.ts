import assert from "node:assert/strict";
import { parseDuration } from "../../../../src/config/values/duration.ts";
import { listenAdmin } from "../../../../src/runtime/admin/listener.ts";
import { eventually } from "../../../support/eventually.ts";
import { connect, endOf, readText, writeText } from "../../../support/peers/sockets.ts";
import { ask, connectTo, fixture, get } from "../../admin/admin_fixture.ts";
import { FakeBackend } from "../../admin/fake_backend.ts";

Deno.test("listenAdmin() rejects with the address, the cause and the remedy when it cannot bind", async () => {
  await using admin = await fixture();
  const directory = await Deno.makeTempDir();
  const path = `${directory}/admin.sock`;
  await using other = await fixture({ listen: { transport: "unix", path } });
  const serve = (listen: typeof admin.server.address) =>
    listenAdmin({
      listen,
      token: undefined,
      hosts: [],
      maxConnections: 64,
      backend: new FakeBackend(),
      pageFiles: () => Promise.resolve(new Map()),
      parseDuration,
    });
  const cases: [listen: typeof admin.server.address, message: RegExp][] = [
    [admin.server.address, /^Cannot listen on 127\.0\.0\.1:\d+ \(admin\.listen\): address already in use \(/],
    [
      other.server.address,
      /^Cannot listen on unix:.*admin\.sock \(admin\.listen\): address already in use \(/,
    ],
    [
      { transport: "tcp", hostname: "2001:db8::1", port: 80 },
      /^Cannot listen on \[2001:db8::1\]:80 .*no such local/,
    ],
    [
      { transport: "unix", path: `${directory}/none/x.sock` },
      /^Cannot listen on unix:.* \(admin\.listen\): its folder does not exist \(create the folder\)$/,
    ],
  ];
  for (const [listen, message] of cases) {
    await assert.rejects(serve(listen), { name: "AdminListenError", message });
  }
  await other.server.close();
  await Deno.remove(directory, { recursive: true });
});

Deno.test("listenAdmin() answers any Host on a unix socket, and removes the file on close", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/admin.sock`;
  const admin = await fixture({ listen: { transport: "unix", path } });
  assert.deepEqual(admin.server.address, { transport: "unix", path });
  // Connecting requires permission to write.
  assert.equal((await Deno.stat(path)).mode! & 0o022, 0);
  const answer = await ask(admin, get("/api/v1/status?", "Host: anything.example"));
  assert.equal(answer.status, 200);
  assert.equal(JSON.parse(answer.text).version, "0.1.0");
  await admin.server.close();
  await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
  await Deno.remove(directory);
});

Deno.test("ListeningAdmin.close() lets a response in progress finish, and refuses new requests", async () => {
  const admin = await fixture();
  const { promise, resolve } = Promise.withResolvers<void>();
  const answered = admin.backend.connections.bind(admin.backend);
  let asked = false;
  admin.backend.connections = async (query) => {
    asked = true;
    await promise;
    return answered(query);
  };
  const idle = await connectTo(admin.server.address);
  const response = fetch(`${admin.url}/api/v1/connections`);
  await eventually("the request to arrive", () => asked, Boolean);
  const closing = admin.server.close();
  await writeText(idle, get("/healthz", `Host: ${admin.host}`).replaceAll("\n", "\r\n"));
  assert.match(await readText(idle, 12), /^HTTP\/1\.1 503$/);
  idle.close();
  resolve();
  assert.equal((await (await response).json()).total, 1);
  await closing;
  await admin.server.close();
  assert.ok(admin.server.address.transport === "tcp");
  await assert.rejects(connect(admin.server.address.port), Deno.errors.ConnectionRefused);
});

Deno.test("ListeningAdmin.close() does not wait for requests that never finish", async () => {
  const admin = await fixture();
  const { promise, reject } = Promise.withResolvers<never>();
  admin.backend.pending = promise;
  using stuck = await connectTo(admin.server.address);
  await writeText(stuck, get("/api/v1/connections", `Host: ${admin.host}`).replaceAll("\n", "\r\n"));
  using silent = await connectTo(admin.server.address);
  using half = await connectTo(admin.server.address);
  await writeText(half, `POST /api/v1/drain HTTP/1.1\r\nHost: ${admin.host}\r\nContent-Length: 100\r\n\r\n{`);
  await eventually("the request to arrive", () => admin.backend.queries.length, (count) => count === 1);
  await admin.server.close();
  for (const conn of [stuck, silent, half]) assert.equal(await endOf(conn), "fin");
  reject(new Error("the client has gone"));
});
