/** SMTP behind a warm pool: the server has greeted long before its client comes. */

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { PooledProxy } from "../../support/program/pooled_proxy.ts";
import { connect, readAll, readText, writeText } from "../../support/peers/sockets.ts";
import { interopTest } from "../../support/interop.ts";
import { MailServer, send } from "../servers/mail.ts";

/** The server and the client come from npm. */
const NOTHING = { needs: [], install: "" };

for (const reset of ["close", "pass"] as const) {
  interopTest(
    `SMTP: greeting and messages come through a warm pool, with reset: ${reset}`,
    NOTHING,
    async (stack) => {
      const mail = stack.use(await MailServer.start());
      const proxy = stack.use(
        await PooledProxy.before(`127.0.0.1:${mail.port}`, { maxIdle: 3 }, { service: { reset } }),
      );
      const direct = await hello(mail.port);
      assert.match(direct, /^220 mail\.example ESMTP.*\r\n250-mail\.example .*\r\n[^]*\r\n221 .*\r\n$/);
      for (let client = 0; client < 5; client++) {
        await proxy.holds(3);
        assert.equal(await hello(proxy.port), direct);
      }
      const attachment = randomBytes(300_000);
      for (const secure of [false, true]) await send(proxy.port, attachment, { secure });
      assert.deepEqual(mail.messages.map(({ secure }) => secure), [false, true]);
      assert.equal(mail.messages[0]!.text, mail.messages[1]!.text);
      assert.ok(mail.messages[0]!.text.replaceAll("\r\n", "").includes(attachment.toString("base64")));
      const { hits } = await proxy.holds(3);
      assert.equal(hits, 7);
      // The server greets on a timer. This greeting comes after those of the pool's connections, so no timer is left of
      // them.
      await hello(mail.port);
    },
  );
}

/**
 * All that the server sends to a client that waits for the greeting, as clients must, and then sends all its commands
 * at once.
 */
async function hello(port: number): Promise<string> {
  using conn = await connect(port);
  let greeting = "";
  while (!greeting.endsWith("\n")) greeting += await readText(conn, 1);
  await writeText(conn, "EHLO client.example\r\nQUIT\r\n");
  return greeting + new TextDecoder().decode(await readAll(conn));
}
