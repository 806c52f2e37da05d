/** SMTP through the proxy: a server's answers, and a message, in the clear and after STARTTLS. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { Sluice } from "../../support/program/program.ts";
import { connect, readAll, readText, tryClose, writeText } from "../../support/peers/sockets.ts";
import { interopTest } from "../../support/interop.ts";
import { MailServer, type Message, send } from "../servers/mail.ts";

/** The server and the client come from npm. */
const NOTHING = { needs: [], install: "" };

interopTest("SMTP: EHLO is answered as it is directly", NOTHING, async (stack) => {
  const { mail, sluice } = await start(stack);
  const direct = await hello(mail.port);
  const proxied = await hello(sluice.port());
  assert.equal(proxied, direct);
  assert.match(proxied, /^220 .* ESMTP/);
  for (const capability of ["8BITMIME", "STARTTLS", "SIZE 10000000"]) {
    assert.match(proxied, new RegExp(`^250[- ]${capability}\r$`, "m"));
  }
  assert.match(proxied, /\r\n221 .*\r\n$/);
});

for (const secure of [false, true]) {
  const way = secure ? "after STARTTLS" : "in the clear";
  interopTest(`SMTP: a message with a large attachment arrives, ${way}`, NOTHING, async (stack) => {
    const { mail, sluice } = await start(stack);
    const attachment = randomBytes(1_000_000);
    await send(mail.port, attachment, { secure });
    await send(sluice.port(), attachment, { secure });
    const [direct, proxied] = mail.messages as [Message, Message];
    assert.equal(mail.messages.length, 2);
    assert.equal(proxied.secure, secure);
    assert.ok(proxied.text === direct.text, "What came through the proxy differs");
    assert.ok(attachmentOf(proxied.text).equals(attachment), "The attachment differs");
  });
}

async function start(stack: AsyncDisposableStack): Promise<{ mail: MailServer; sluice: Sluice }> {
  const mail = stack.use(await MailServer.start());
  return { mail, sluice: stack.use(await Sluice.before(`127.0.0.1:${mail.port}`)) };
}

/** The answers of the server to EHLO and QUIT. */
async function hello(port: number): Promise<string> {
  const conn = await connect(port);
  try {
    const greeting = await answer(conn);
    await writeText(conn, "EHLO client.example\r\n");
    const capabilities = await answer(conn);
    await writeText(conn, "QUIT\r\n");
    return greeting + capabilities + new TextDecoder().decode(await readAll(conn));
  } finally {
    tryClose(conn);
  }
}

/** An answer of the server, of one or more lines: the last has a space after its code. */
async function answer(conn: Deno.Conn): Promise<string> {
  let text = "";
  while (!/^\d{3} .*\r\n$/m.test(text)) text += await readText(conn, 1);
  return text;
}

/** The only attachment of a message. */
function attachmentOf(message: string): Buffer {
  const [, body] = /\r\nContent-Disposition: attachment[^]*?\r\n\r\n([^]*?)\r\n--/.exec(message)!;
  return Buffer.from(body!, "base64");
}
