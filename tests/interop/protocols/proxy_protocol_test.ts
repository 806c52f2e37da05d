/** The PROXY protocol with haproxy, nginx and curl, in both directions. */

import assert from "node:assert/strict";
import { Sluice } from "../../support/program/program.ts";
import { connect, echo, readAll, readText, upstream, writeText } from "../../support/peers/sockets.ts";
import { HAPROXY, startHaproxy, TELL_ADDRESSES } from "../servers/haproxy.ts";
import { interopTest, run } from "../../support/interop.ts";
import { echoHeader, hasStream, NGINX, sendHeader, startNginx } from "../servers/nginx.ts";

const VERSIONS = ["v1", "v2"] as const;
const CHAIN = {
  needs: ["haproxy", "nginx"],
  install: "apt-get install haproxy nginx",
};
/** Without its module for streams, nginx can only receive. */
const NGINX_STREAM = await hasStream() ? NGINX : { ...NGINX, needs: ["nginx with its stream module"] };

for (const version of VERSIONS) {
  const send = version === "v1" ? "send-proxy" : "send-proxy-v2";

  interopTest(`haproxy with ${send} sends sluice the address of the client`, HAPROXY, async (stack) => {
    const server = stack.use(upstream(echo));
    const sluice = stack.use(await receiving(server.address));
    const haproxy = await startHaproxy(
      stack,
      (port) => `
  mode tcp
  bind 127.0.0.1:${port}
  server sluice 127.0.0.1:${sluice.port()} ${send}`,
    );
    await checkLogged(sluice, haproxy.port);
  });

  interopTest(`sluice sends haproxy the address of the client, with ${version}`, HAPROXY, async (stack) => {
    const haproxy = await startHaproxy(
      stack,
      (port) => `\n  bind 127.0.0.1:${port} accept-proxy${TELL_ADDRESSES}`,
    );
    await checkHeaders(stack, version, haproxy.port);
  });

  interopTest(`sluice sends nginx the address of the client, with ${version}`, NGINX, async (stack) => {
    const nginx = await startNginx(stack, echoHeader);
    await checkHeaders(stack, version, nginx.port);
  });

  interopTest(`haproxy, sluice and nginx in a row, sluice with ${version}`, CHAIN, async (stack) => {
    const nginx = await startNginx(stack, echoHeader);
    const sluice = stack.use(await receiving(`127.0.0.1:${nginx.port}`, version));
    const haproxy = await startHaproxy(
      stack,
      (port) => `
  mode tcp
  bind 127.0.0.1:${port}
  server sluice 127.0.0.1:${sluice.port()} ${send}`,
    );
    const { own, seen } = await request(await connect(haproxy.port));
    assert.equal(seen, `${own} 127.0.0.1:${haproxy.port}`);
  });
}

interopTest("health checks of haproxy arrive as LOCAL, with its own address", HAPROXY, async (stack) => {
  const server = stack.use(upstream(echo));
  const sluice = stack.use(await receiving(server.address));
  await startHaproxy(
    stack,
    (port) => `
  mode tcp
  bind 127.0.0.1:${port}
  server sluice 127.0.0.1:${sluice.port()} send-proxy-v2 check inter 100ms`,
  );
  // It resets each connection at once: some of them before they are accepted.
  const line = JSON.parse(await sluice.logged('event":"connection_closed'));
  assert.match(line.client, /^127\.0\.0\.1:\d+$/);
  assert.equal(line.peer, undefined);
});

interopTest(
  "nginx with proxy_protocol on sends sluice the address of the client",
  NGINX_STREAM,
  async (stack) => {
    const server = stack.use(upstream(echo));
    const sluice = stack.use(await receiving(server.address));
    const nginx = await startNginx(stack, (port) => sendHeader(port, sluice.port()));
    await checkLogged(sluice, nginx.port);
  },
);

interopTest("curl with --haproxy-protocol is logged with the address that it sends", {
  needs: ["curl", "haproxy"],
  install: "apt-get install curl haproxy",
}, async (stack) => {
  const haproxy = await startHaproxy(
    stack,
    (port) => `\n  bind 127.0.0.1:${port} accept-proxy${TELL_ADDRESSES}`,
  );
  const sluice = stack.use(await receiving(`127.0.0.1:${haproxy.port}`, "v2"));
  const url = `http://127.0.0.1:${sluice.port()}/`;
  const { text } = await run("curl", [
    "-sS",
    "--max-time",
    "20",
    "--haproxy-protocol",
    "-w",
    " %{local_port}",
    url,
  ]);
  const [client, destination, ownPort] = text.split(" ");
  assert.deepEqual([client, destination], [`127.0.0.1:${ownPort}`, `127.0.0.1:${sluice.port()}`]);
});

/** A sluice that trusts the PROXY headers of all peers on this machine. */
function receiving(address: string, send?: string): Promise<Sluice> {
  return Sluice.withConfig(`
log: { format: json }
services:
  - name: test
    listen: 0
    accept_proxy_protocol: { from: 127.0.0.1 }
    upstream: "${address}"
    ${send === undefined ? "" : `send_proxy_protocol: ${send}`}
`);
}

/** sluice logs the client of the proxy in front of it as the client, and that proxy as the peer. */
async function checkLogged(sluice: Sluice, front: number): Promise<void> {
  const conn = await connect(front);
  await writeText(conn, "hello");
  assert.equal(await readText(conn, 5), "hello");
  conn.close();
  const line = JSON.parse(await sluice.logged(`"client":"127.0.0.1:${conn.localAddr.port}"`));
  assert.equal(line.event, "connection_closed");
  assert.match(line.peer, /^127\.0\.0\.1:\d+$/);
  assert.notEqual(line.peer, line.client);
}

/** The server on this port learns the addresses of sluice's clients, with or without a header from them. */
async function checkHeaders(stack: AsyncDisposableStack, version: string, port: number): Promise<void> {
  const directory = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(directory, { recursive: true }));
  const service = (name: string, keys: string) =>
    `{ name: ${name}, send_proxy_protocol: ${version}, upstream: "127.0.0.1:${port}", ${keys} }`;
  const sluice = stack.use(
    await Sluice.withConfig(`services:
  - ${service("plain", `listen: ":0"`)}
  - ${service("header", "listen: 0, accept_proxy_protocol: { from: 127.0.0.1 }")}
  - ${service("unix", `listen: "unix:${directory}/socket"`)}
`),
  );
  const plain = await request(await connect(sluice.port(0)));
  assert.equal(plain.seen, `${plain.own} 127.0.0.1:${sluice.port(0)}`);
  const sixth = await request(await Deno.connect({ hostname: "::1", port: sluice.port(0) }));
  assert.equal(sixth.seen, `::1:${sixth.own.split(":").at(-1)} ::1:${sluice.port(0)}`);
  for (
    const [header, seen] of [
      ["PROXY TCP4 192.0.2.1 198.51.100.7 4001 443\r\n", "192.0.2.1:4001 198.51.100.7:443"],
      ["PROXY TCP6 2001:db8::1 2001:db8::2 4001 443\r\n", "2001:db8::1:4001 2001:db8::2:443"],
    ]
  ) assert.equal((await request(await connect(sluice.port(1)), header)).seen, seen);
  // The addresses of these clients are unknown; sluice serves them all the same.
  await request(await Deno.connect({ transport: "unix", path: `${directory}/socket` }));
}

/** The body of a server's answer, and the client's own address. */
async function request(conn: Deno.Conn, header = ""): Promise<{ own: string; seen: string }> {
  using _conn = conn;
  await writeText(conn, `${header}GET / HTTP/1.0\r\nHost: test\r\n\r\n`);
  const answer = new TextDecoder().decode(await readAll(conn));
  const [head, seen] = answer.split("\r\n\r\n");
  assert.match(head!, /^HTTP\/1\.[01] 200 /);
  const { localAddr } = conn;
  return { own: localAddr.transport === "tcp" ? `${localAddr.hostname}:${localAddr.port}` : "", seen: seen! };
}
