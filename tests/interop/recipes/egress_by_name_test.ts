/** docs/recipes/egress-by-name.md */

import assert from "node:assert/strict";
import { CertificateAuthority, OPENSSL } from "../../support/certificates.ts";
import { interopTest, run } from "../../support/interop.ts";
import { freePorts } from "../../support/peers/sockets.ts";
import { HostsFile } from "../../support/program/hosts_file.ts";
import { OpensslServer } from "../servers/openssl_server.ts";
import { Recipe } from "./recipe.ts";

const RECIPE = new Recipe("egress-by-name");
const NEEDS = {
  needs: [...OPENSSL.needs, "curl", "unshare"],
  install: "apt-get install openssl curl util-linux",
};
const NAME = "shop.example.com";

interopTest("recipe: reach some hosts of the Internet, by their names", NEEDS, async (stack) => {
  if (!await HostsFile.isPossible()) return;
  await RECIPE.checkPeer(stack, { "listen 443;": `listen 127.0.0.1:${freePorts(1)[0]};` });
  const authority = stack.use(await CertificateAuthority.create());
  const server = stack.use(await OpensslServer.start(await authority.issue({ name: NAME }), ["-www"]));
  const hosts = stack.use(
    await HostsFile.create({ [NAME]: ["127.0.0.1"], "other.example.net": ["127.0.0.1"] }),
  );
  const recipe = await RECIPE.start(stack, {
    "listen: :443": "listen: 127.0.0.1:0",
    // The server is on this machine.
    '"{sni}:443"': `"{sni}:${server.port}"\n    allow_private: 127.0.0.0/8`,
  }, { wrapper: hosts.wrapper });
  const get = async (name: string) => {
    const at = `${name}:${recipe.port()}`;
    const { text } = await run("curl", [
      ...["--silent", "--show-error", "--cacert", authority.cert, "--resolve", `${at}:127.0.0.1`],
      `https://${at}/`,
    ]);
    return text;
  };
  assert.match(await get(NAME), /s_server/);
  await assert.rejects(get("other.example.net"), /code (35|52|56)/);
  const [line] = await recipe.sluice.loggedEvents("connection_refused", 1);
  assert.deepEqual([line!.sni, line!.code], ["other.example.net", "name_not_allowed"]);
});
