/** SMTP and IMAP with TLS that begins inside them: towards clients, towards the server, and both. */

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { ImapFlow } from "npm:imapflow@2.10.2";
import { CertificateAuthority, OPENSSL } from "../../support/certificates.ts";
import { interopTest, spawn } from "../../support/interop.ts";
import { connect, readText, writeText } from "../../support/peers/sockets.ts";
import { Sluice } from "../../support/program/program.ts";
import { DOVECOT, PASSWORD, startDovecot } from "../servers/dovecot.ts";
import { MailServer, send } from "../servers/mail.ts";

const NAME = "mail.test";

const SIDES: [clients: boolean, upstream: boolean][] = [[true, false], [false, true], [true, true]];

for (const [clients, upstream] of SIDES) {
  const sides = [...clients ? ["of clients"] : [], ...upstream ? ["of the server"] : []].join(" and ");

  interopTest(`SMTP with TLS ${sides}: messages arrive, through warm pools too`, OPENSSL, async (stack) => {
    const authority = stack.use(await CertificateAuthority.create());
    const mail = stack.use(
      await MailServer.start(upstream ? await authority.issue({ name: NAME }) : undefined),
    );
    for (const pool of ["{ max_idle: 2 }", undefined]) {
      const sluice = stack.use(
        await start(mail.port, { protocol: "smtp", authority, clients, upstream, pool }),
      );
      const attachment = randomBytes(300_000);
      for (let count = 0; count < 3; count++) {
        await send(sluice.port(), attachment, { secure: clients });
        const { text, secure } = mail.messages.pop()!;
        assert.equal(secure, upstream);
        assert.ok(text.replaceAll("\r\n", "").includes(attachment.toString("base64")));
      }
      if (clients) {
        await assert.rejects(send(sluice.port(), attachment, { secure: false }), /530 Must issue a STARTTLS/);
      }
    }
  });

  interopTest(
    `IMAP with TLS ${sides}: a client logs in, stores and reads a message`,
    DOVECOT,
    async (stack) => {
      const authority = stack.use(await CertificateAuthority.create());
      const { port } = await startDovecot(stack, {
        tls: upstream ? await authority.issue({ name: NAME }) : undefined,
      });
      const sluice = stack.use(await start(port, { protocol: "imap", authority, clients, upstream }));
      const ca = await Deno.readTextFile(authority.cert);
      const client = new ImapFlow({
        host: "127.0.0.1",
        port: sluice.port(),
        servername: NAME,
        secure: false,
        doSTARTTLS: clients,
        tls: { ca, servername: NAME },
        auth: { user: "alice", pass: PASSWORD },
        logger: false,
      });
      await client.connect();
      assert.equal(client.secureConnection, clients);
      const text = `Subject: Hello\r\n\r\n${"A line of text\r\n".repeat(5000)}`;
      await client.append("INBOX", text);
      const lock = await client.getMailboxLock("INBOX");
      const message = await client.fetchOne("*", { source: true });
      lock.release();
      await client.logout();
      assert.equal(message && new TextDecoder().decode(message.source), text);
    },
  );
}

interopTest("SMTP: nothing that came in plain text acts inside TLS", OPENSSL, async (stack) => {
  const authority = stack.use(await CertificateAuthority.create());
  const mail = stack.use(await MailServer.start());
  const sluice = stack.use(
    await start(mail.port, { protocol: "smtp", authority, clients: true, upstream: false }),
  );
  const conn = await connect(sluice.port());
  assert.match(await line(conn), /^220 mail\.test /);
  await writeText(conn, "STARTTLS\r\nMAIL FROM:<stranger@example.org>\r\n");
  assert.match(await line(conn), /^220 /);
  using tls = await Deno.startTls(conn, {
    hostname: NAME,
    caCerts: [await Deno.readTextFile(authority.cert)],
  });
  // The first answer inside TLS is that to the first command inside TLS: no greeting, and no answer to MAIL.
  await writeText(tls, "HELO me\r\n");
  assert.match(await line(tls), /^250 /);
  await writeText(tls, "RCPT TO:<someone@example.org>\r\n");
  assert.match(await line(tls), /^503 .*MAIL/);
});

interopTest("OpenSSL begins TLS in each protocol", OPENSSL, async (stack) => {
  const authority = stack.use(await CertificateAuthority.create());
  for (const protocol of ["smtp", "imap", "postgres"] as const) {
    const sluice = stack.use(await start(1, { protocol, authority, clients: true, upstream: false }));
    const args = [
      "s_client",
      "-starttls",
      protocol,
      "-connect",
      `127.0.0.1:${sluice.port()}`,
      "-CAfile",
      authority.cert,
    ];
    const { stdout } = await spawn("openssl", [...args, "-verify_hostname", NAME]).output();
    assert.match(new TextDecoder().decode(stdout), /Verification: OK\nVerified peername: mail\.test/);
  }
});

interface Options {
  readonly protocol: "smtp" | "imap" | "postgres";
  readonly authority: CertificateAuthority;
  readonly clients: boolean;
  readonly upstream: boolean;
  readonly pool?: string | undefined;
}

async function start(
  port: number,
  { protocol, authority, clients, upstream, pool }: Options,
): Promise<Sluice> {
  const { cert, key } = await authority.issue({ name: NAME });
  const entries = [
    `upstream: { endpoints: ["127.0.0.1:${port}"]${pool === undefined ? "" : `, pool: ${pool}`} }`,
    ...clients ? [`tls: { cert: "${cert}", key: "${key}", starttls: ${protocol} }`] : [],
    ...upstream
      ? [`upstream_tls: { starttls: ${protocol}, ca: "${authority.cert}", server_name: ${NAME} }`]
      : [],
  ];
  return await Sluice.withConfig(
    `services: [{ name: test, listen: "127.0.0.1:0", ${entries.join(", ")} }]\n`,
  );
}

async function line(conn: Deno.Conn): Promise<string> {
  let text = "";
  while (!text.endsWith("\n")) text += await readText(conn, 1);
  return text;
}
