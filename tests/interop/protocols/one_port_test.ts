/** SSH, HTTPS, HTTP, PostgreSQL and Redis on one port, each with its real client and server. */

import assert from "node:assert/strict";
import { CertificateAuthority, OPENSSL } from "../../support/certificates.ts";
import { interopTest, run } from "../../support/interop.ts";
import { connect, echo, readText, upstream, writeText } from "../../support/peers/sockets.ts";
import { Sluice } from "../../support/program/program.ts";
import { startHttp } from "../servers/http_server.ts";
import { POSTGRES, query, queryWith, startPostgres } from "../servers/postgres.ts";
import { REDIS, startRedis } from "../servers/redis.ts";
import { SSH, startSsh } from "../servers/ssh.ts";
import { curl } from "../servers/tls_clients.ts";

const NEEDS = {
  needs: [...SSH.needs, ...POSTGRES.needs, ...REDIS.needs, ...OPENSSL.needs, "redis-cli", "curl"],
  install: "apt-get install openssh-server postgresql redis-server openssl curl",
};
const NAMES = ["shop.test", "other.test", "db.test"] as const;

interopTest(
  "SSH, HTTPS, HTTP, PostgreSQL and Redis share a port with a server that speaks first",
  NEEDS,
  async (stack) => {
    const authority = stack.use(await CertificateAuthority.create());
    const [shop, other, db] = await Promise.all(NAMES.map((name) => authority.issue({ name })));
    const [ssh, postgres, redis] = await Promise.all([
      startSsh(stack),
      startPostgres(stack),
      startRedis(stack),
    ]);
    const http = await startHttp(stack, () => new Response("http"));
    const [cert, key] = [await Deno.readTextFile(other!.cert), await Deno.readTextFile(other!.key)];
    const https = Deno.serve(
      { hostname: "127.0.0.1", port: 0, cert, key, onListen: () => {} },
      () => new Response("https"),
    );
    stack.defer(() => https.shutdown());
    const greeter = stack.use(upstream(async (conn) => {
      await writeText(conn, "220 mail.test\r\n");
      await echo(conn);
    }));
    const at = (port: number) => `upstream: "127.0.0.1:${port}"`;
    const sluice = stack.use(
      await Sluice.withConfig(`
log: { format: json }
services:
  - name: one-port
    listen: "127.0.0.1:0"
    peek: { timeout: 300ms }
    routes:
      - { protocol: ssh, ${at(ssh.server.port)} }
      - { sni: shop.test, tls: { cert: "${shop!.cert}", key: "${shop!.key}", alpn: [http/1.1] }, ${
        at(http.port)
      } }
      - { protocol: tls, ${at(https.addr.port)} }
      - { protocol: [http, http2], ${at(http.port)} }
      - protocol: postgres
        tls: { cert: "${db!.cert}", key: "${db!.key}", starttls: postgres, required: false }
        ${at(postgres.port)}
      - { protocol: redis, ${at(redis.port)} }
      - { silent: true, upstream: "${greeter.address}" }
`),
    );
    const port = sluice.port();
    assert.equal(await ssh.login(port, "echo by ssh"), "by ssh\n");
    const get = (name: string) =>
      curl([
        "--cacert",
        authority.cert,
        "--resolve",
        `${name}:${port}:127.0.0.1`,
        `https://${name}:${port}/`,
      ]);
    assert.equal(await get("shop.test"), "http");
    assert.equal(await get("other.test"), "https");
    assert.equal(await curl([`http://127.0.0.1:${port}/`]), "http");
    assert.equal(await curl(["--http2-prior-knowledge", `http://127.0.0.1:${port}/`]), "http");
    assert.equal((await run("psql", query(port, "SELECT 'by psql'"))).text, "by psql\n");
    const verified = `host=db.test sslmode=verify-full sslrootcert=${authority.cert}`;
    for (const settings of ["sslmode=disable", verified]) {
      assert.equal((await run("psql", queryWith(port, settings, "SELECT 7"))).text, "7\n", settings);
    }
    assert.equal((await run("redis-cli", ["-p", `${port}`, "PING"])).text, "PONG\n");
    using mail = await connect(port);
    assert.equal(await readText(mail, 15), "220 mail.test\r\n");
    mail.close();
    using unknown = await connect(port);
    await writeText(unknown, "PING\r\n");
    const [refused] = await sluice.loggedEvents("connection_refused", 1);
    assert.deepEqual([refused!["code"], refused!["detail"]], [
      "no_route",
      "unknown protocol, it begins with hex:50494e47",
    ]);
  },
);
