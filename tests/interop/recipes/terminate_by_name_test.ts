/** docs/recipes/terminate-by-name.md */

import assert from "node:assert/strict";
import { CertificateAuthority, type KeyPair, OPENSSL } from "../../support/certificates.ts";
import { interopTest, run } from "../../support/interop.ts";
import { startHttp } from "../servers/http_server.ts";
import { OpensslServer } from "../servers/openssl_server.ts";
import { Recipe } from "./recipe.ts";

const RECIPE = new Recipe("terminate-by-name");
const NEEDS = { needs: [...OPENSSL.needs, "curl"], install: "apt-get install openssl curl" };

interopTest("recipe: terminate TLS for one name, pass it through for the others", NEEDS, async (stack) => {
  const authority = stack.use(await CertificateAuthority.create());
  const partners = stack.use(await CertificateAuthority.create("Partners"));
  const api = await authority.issue({ name: "api.example.com" });
  const www = await authority.issue({ name: "www.example.com" });
  await RECIPE.checkPeer(stack, {
    "listen 443;": `listen 127.0.0.1:${freePort()};`,
    "127.0.0.1:8443": `127.0.0.1:${freePort()}`,
    "/etc/nginx/api.pem": api.cert,
    "/etc/nginx/api.key": api.key,
    "/etc/nginx/partners-ca.pem": partners.cert,
  });
  const plain = await startHttp(stack, () => new Response("from the API\n"));
  const secure = stack.use(await OpensslServer.start(www, ["-www"]));
  const recipe = await RECIPE.start(stack, {
    "10.0.0.81:80": `127.0.0.1:${plain.port}`,
    "10.0.0.82:443": `127.0.0.1:${secure.port}`,
    "certs/api.pem": api.cert,
    "certs/api.key": api.key,
    "certs/partners-ca.pem": partners.cert,
    "listen: :443": "listen: 127.0.0.1:0",
  });
  const get = async (name: string, pair?: KeyPair) => {
    const at = `${name}:${recipe.port()}`;
    const { text } = await run("curl", [
      ...["--silent", "--show-error", "--cacert", authority.cert, "--resolve", `${at}:127.0.0.1`],
      ...pair === undefined ? [] : ["--cert", pair.cert, "--key", pair.key],
      `https://${at}/`,
    ]);
    return text;
  };
  const partner = await partners.issue({ name: "partner", usage: "clientAuth" });
  assert.equal(await get("api.example.com", partner), "from the API\n");
  await assert.rejects(get("api.example.com"), /code (35|52|56)/);
  assert.match(await get("www.example.com"), /s_server/);
});

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
