/** docs/recipes/mail.md */

import assert from "node:assert/strict";
import { interopTest, run } from "../../support/interop.ts";
import { DOVECOT, startDovecot } from "../servers/dovecot.ts";
import { POSTFIX, startPostfix } from "../servers/root_servers.ts";
import { Recipe } from "./recipe.ts";

const RECIPE = new Recipe("mail");
const NEEDS = {
  needs: [...POSTFIX.needs, ...DOVECOT.needs, "curl"],
  install: `${POSTFIX.install}; ${DOVECOT.install} curl`,
};
const [WELCOME, UNWELCOME] = ["127.0.0.77", "127.0.0.78"];

interopTest("recipe: SMTP and IMAP with the addresses of clients", NEEDS, async (stack) => {
  await RECIPE.checkPeer(stack);
  const postfix = await startPostfix(stack, [
    "smtpd_upstream_proxy_protocol = haproxy",
    `smtpd_client_restrictions = check_client_access inline:{ {${UNWELCOME} = REJECT unwelcome} }`,
  ]);
  const dovecot = await startDovecot(stack, {
    lines: [
      "haproxy_trusted_networks = 127.0.0.1",
      "service imap-login {",
      "  inet_listener imap {",
      "    haproxy = yes",
      "  }",
      "}",
    ],
    users: `allow_nets=${WELCOME}`,
  });
  const recipe = await RECIPE.start(stack, {
    "10.0.0.61:10025": `127.0.0.1:${postfix.port}`,
    "10.0.0.61:10143": `127.0.0.1:${dovecot.port}`,
    "listen: :25": "listen: 127.0.0.1:0",
    "listen: :143": "listen: 127.0.0.1:0",
  });
  const curl = (from: string, ...args: string[]) =>
    run("curl", ["--silent", "--show-error", "--interface", from, ...args], {
      input: "Subject: Interop\r\n\r\nHello\r\n",
    });
  const send = (from: string) =>
    curl(
      from,
      `smtp://127.0.0.1:${recipe.port(0)}/client.test`,
      ...["--mail-from", "sender@example.org", "--mail-rcpt", "receiver@mail.test", "--upload-file", "-"],
    );
  const logIn = (from: string) =>
    curl(from, `imap://127.0.0.1:${recipe.port(1)}/`, "--user", "someone:secret", "--request", "NOOP");

  await send(WELCOME);
  await assert.rejects(send(UNWELCOME), /554|RCPT failed/);
  await logIn(WELCOME);
  await assert.rejects(logIn(UNWELCOME), /Login denied|login denied/i);

  for (
    const group of await recipe.admin.view<{ endpoints: { state: string; check: { cause: string } }[] }[]>(
      "upstreams",
    )
  ) {
    assert.deepEqual(group.endpoints.map(({ state }) => state), ["up"], JSON.stringify(group));
  }
});
