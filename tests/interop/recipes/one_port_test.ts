/** docs/recipes/one-port.md */

import assert from "node:assert/strict";
import { CertificateAuthority, OPENSSL } from "../../support/certificates.ts";
import { interopTest, run } from "../../support/interop.ts";
import { connect, readAll, writeText } from "../../support/peers/sockets.ts";
import { Home } from "../../support/servers/server_home.ts";
import { OpensslServer } from "../servers/openssl_server.ts";
import { POSTGRES_WITH_TLS, queryWith, startPostgres } from "../servers/postgres.ts";
import { Recipe } from "./recipe.ts";

const RECIPE = new Recipe("one-port");
const NEEDS = {
  needs: [...POSTGRES_WITH_TLS.needs, ...OPENSSL.needs, "sshd", "ssh", "ssh-keygen", "curl"],
  install: "apt-get install postgresql openssl openssh-server curl",
};

interopTest("recipe: SSH, HTTPS and PostgreSQL on one port", NEEDS, async (stack) => {
  const authority = stack.use(await CertificateAuthority.create());
  const pair = await authority.issue({ name: "www.example.com" });
  const sshd = await startSsh(stack);
  const postgres = await startPostgres(stack, { tls: await authority.issue({ name: "db.example.com" }) });
  const https = stack.use(await OpensslServer.start(pair, ["-www"]));
  const recipe = await RECIPE.start(stack, {
    "10.0.0.71:22": `127.0.0.1:${sshd.port}`,
    "10.0.0.72:5432": `127.0.0.1:${postgres.port}`,
    "10.0.0.73:443": `127.0.0.1:${https.port}`,
    "listen: :443": "listen: 127.0.0.1:0",
  });
  const port = recipe.port();

  // No client can log in, but it verifies and keeps the key of the server before it is refused.
  const known = await authority.file("known_hosts", "");
  const options = ["BatchMode=yes", "StrictHostKeyChecking=accept-new", `UserKnownHostsFile=${known}`];
  const ssh = run("ssh", [
    ...["-F", "/dev/null", "-p", `${port}`],
    ...options.flatMap((option) => ["-o", option]),
    ...["someone@127.0.0.1", "true"],
  ]);
  await assert.rejects(ssh, /Permission denied/);
  assert.ok((await Deno.readTextFile(known)).includes(sshd.key));

  const at = `www.example.com:${port}`;
  const { text: page } = await run("curl", [
    ...["--silent", "--show-error", "--cacert", authority.cert],
    ...["--resolve", `${at}:127.0.0.1`, `https://${at}/`],
  ]);
  assert.match(page, /s_server/);

  for (const [sslmode, isTls] of [["disable", "f"], ["require", "t"]] as const) {
    const sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    assert.equal((await run("psql", queryWith(port, `sslmode=${sslmode}`, sql))).text.trim(), isTls);
  }

  using stranger = await connect(port);
  await writeText(stranger, "GET / HTTP/1.1\r\n\r\n");
  assert.equal((await readAll(stranger)).length, 0);
});

/** Starts sshd as a user for which no login works. */
async function startSsh(stack: AsyncDisposableStack): Promise<{ port: number; key: string }> {
  const home = stack.use(await Home.make("nobody"));
  await home.run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", "host"]);
  const { port } = stack.use(
    await home.start((port) => ({
      program: "sshd",
      args: [
        "-D",
        "-e",
        "-f",
        "/dev/null",
        "-p",
        `${port}`,
        "-o",
        "ListenAddress=127.0.0.1",
        "-h",
        `${home.path}/host`,
      ],
      port,
      ready: /Server listening on/,
      stop: "SIGTERM",
    })),
  );
  const [, key] = (await Deno.readTextFile(`${home.path}/host.pub`)).split(" ");
  return { port, key: key! };
}
