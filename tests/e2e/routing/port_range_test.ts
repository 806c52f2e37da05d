import assert from "node:assert/strict";
import { NamedServer } from "../../support/peers/named_server.ts";
import { connect, freePorts, readText, Upstream, writeText } from "../../support/peers/sockets.ts";
import { runSluice } from "../../support/program/program.ts";
import { Reloadable } from "../../support/program/reloadable.ts";

/** Answers each client with the port that it has come to, and all bytes that it sends. */
class Servers implements AsyncDisposable {
  readonly ports = freePorts(3);
  readonly #all = this.ports.map((port) =>
    new Upstream(Deno.listen({ hostname: "127.0.0.1", port }), async (conn) => {
      await writeText(conn, `${port};`);
      await conn.readable.pipeTo(conn.writable);
    })
  );

  /** @param skipped How many ports to leave out at the beginning. */
  range(skipped = 0): string {
    return `127.0.0.1:${this.ports[skipped]}-${this.ports[2]}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#all) await server[Symbol.asyncDispose]();
  }
}

async function portFor(listenPort: number): Promise<number> {
  using client = await connect(listenPort);
  await writeText(client, "ping");
  const text = await readText(client, 10);
  assert.match(text, /^\d{5};ping$/);
  return parseInt(text);
}

Deno.test("the n-th port of a service leads to the n-th port of its upstream, also after a reload", async () => {
  await using servers = new Servers();
  const [first, middle, last] = freePorts(3);
  const yaml = (listen: string, upstream: string) =>
    `admin: { listen: 0 }\nservices: [{ name: test, listen: ${listen}, upstream: "${upstream}" }]\n`;
  await using fixture = await Reloadable.start(yaml(`${first}-${last}`, servers.range()));
  const found = await Promise.all([first!, middle!, last!, first!, last!, middle!].map(portFor));
  const [a, b, c] = servers.ports;
  assert.deepEqual(found, [a, b, c, a, c, b]);
  const closed = await fixture.sluice.loggedEvents("connection_closed", 6);
  assert.deepEqual(
    closed.map(({ listener, upstream, endpoint }) => [listener, upstream, endpoint]).sort(),
    [first, first, middle, middle, last, last].map((listener, index) => [
      `127.0.0.1:${listener}`,
      servers.range(),
      `127.0.0.1:${servers.ports[index >> 1]}`,
    ]),
  );
  // The accounts have one endpoint, however many ports there are.
  const metrics = await fixture.admin.metricsText();
  assert.match(metrics, new RegExp(`endpoint="${servers.range()}"\\S* 6\\n`));
  assert.doesNotMatch(metrics, new RegExp(`endpoint="127.0.0.1:${b}"`));

  await fixture.reload(yaml(`${first}-${middle}`, servers.range(1)));
  assert.deepEqual(await Promise.all([first!, middle!].map(portFor)), [b, c]);
});

Deno.test("a route has a range of its own, and each connection begins with a PROXY header", async () => {
  await using servers = new Servers();
  await using other = await NamedServer.start("o");
  const [first, middle, last] = freePorts(3);
  await using _fixture = await Reloadable.start(`
services:
  - name: test
    listen: [${middle}-${last}, ${first}]
    send_proxy_protocol: v1
    routes: [{ listen_port: "${middle}-${last}", upstream: "${servers.range()}" }]
    upstream: "${other.address}"
`);
  for (const [index, port] of [middle!, last!].entries()) {
    using client = await connect(port);
    const { port: source } = client.localAddr;
    const expected = `${servers.ports[index + 1]};PROXY TCP4 127.0.0.1 127.0.0.1 ${source} ${port}\r\n`;
    assert.equal(await readText(client, expected.length), expected);
  }
});

Deno.test("a port of the range that refuses connections is an error of that connection alone", async () => {
  await using servers = new Servers();
  const [spare] = servers.ports;
  const [first, last] = freePorts(2);
  // One port past the servers, or one before them: nothing listens there.
  const range = `127.0.0.1:${spare! - 1}-${spare}`;
  await using fixture = await Reloadable.start(
    `services: [{ name: test, listen: ${first}-${last}, upstream: "${range}" }]\n`,
  );
  using client = await connect(first!);
  assert.equal(await client.read(new Uint8Array(1)), null);
  const [failed] = await fixture.sluice.loggedEvents("connection_failed", 1);
  assert.equal(failed!["endpoint"], `127.0.0.1:${spare! - 1}`);
  assert.equal(failed!["code"], "connection_refused");
  assert.equal(await portFor(last!), spare);
});

Deno.test("check prints a range as it was written", async () => {
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  await Deno.writeTextFile(file, "services: [{ name: a, listen: 7000-7002, upstream: 'db:8000-8002' }]\n");
  const { code, stdout } = await runSluice(["check", file]);
  await Deno.remove(file);
  assert.equal(code, 0);
  assert.match(stdout, /^ {4}upstream: db:8000-8002 #/m);
});
