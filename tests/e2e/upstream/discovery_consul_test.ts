/** Endpoints from Consul, over https with a server of this test. The unit tests have the cases. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { startProxy } from "../../../main.ts";
import { CertificateAuthority, OPENSSL } from "../../support/certificates.ts";
import { eventually } from "../../support/eventually.ts";
import { interopTest } from "../../support/interop.ts";
import { answeringServer, NamedServer } from "../../support/peers/named_server.ts";
import { temporaryDirectory } from "../../support/program/directory.ts";
import { FakeConsul, type FakeInstance } from "../../support/servers/fake_consul.ts";

function instanceOf({ address }: NamedServer): FakeInstance {
  const [host, port] = address.split(":");
  return { address: host!, port: Number(port) };
}

interopTest(
  "sluice asks Consul over https, and trusts the authority of the file alone",
  OPENSSL,
  async (stack) => {
    const [a, b] = [stack.use(await NamedServer.start("a")), stack.use(await NamedServer.start("b"))];
    const folder = stack.use(await temporaryDirectory());
    const authority = stack.use(await CertificateAuthority.create());
    const { cert, key } = await authority.issue({ name: "consul", names: ["IP:127.0.0.1"] });
    const consul = stack.use(
      new FakeConsul({
        token: "s3cret-token",
        tls: { cert: await Deno.readTextFile(cert), key: await Deno.readTextFile(key) },
      }),
    );
    consul.set([instanceOf(a)]);
    const tokenFile = join(folder.path, "token");
    await Deno.writeTextFile(tokenFile, "s3cret-token\n");
    const proxy = stack.use(
      await startProxy({
        upstreams: {
          carts: {
            discovery: {
              consul: { service: "carts", address: consul.address, tokenFile, ca: authority.cert },
            },
          },
          untrusted: { discovery: { consul: { service: "carts", address: consul.address, tokenFile } } },
        },
        services: [
          { name: "carts", listen: 0, upstream: "carts" },
          { name: "untrusted", listen: 0, upstream: "untrusted" },
        ],
      }),
    );
    const port = Number(proxy.services[0]!.listen[0]!.split(":")[1]);
    assert.equal(await answeringServer(port), "a");
    consul.set([instanceOf(b)]);
    await eventually("b to answer", () => answeringServer(port), (name) => name === "b");
    const untrusted = await eventually(
      "a failure",
      () => proxy.upstreams().find(({ name }) => name === "untrusted")!,
      ({ discovery }) => discovery!.failures > 0,
    );
    assert.deepEqual(untrusted.endpoints, []);
    assert.match(untrusted.discovery!.error!, /^Consul at https:[^ ]+: .*(certificate|UnknownIssuer)/);
    assert.doesNotMatch(JSON.stringify(proxy.upstreams()), /s3cret/);
  },
);
