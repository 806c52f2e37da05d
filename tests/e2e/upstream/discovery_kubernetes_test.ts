/** Endpoints from Kubernetes, over https with a server of this test. The unit tests have the cases. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { startProxy } from "../../../main.ts";
import { CertificateAuthority, OPENSSL } from "../../support/certificates.ts";
import { eventually } from "../../support/eventually.ts";
import { interopTest } from "../../support/interop.ts";
import { answeringServer, NamedServer } from "../../support/peers/named_server.ts";
import { temporaryDirectory } from "../../support/program/directory.ts";
import { FakeKubernetes } from "../../support/servers/fake_kubernetes.ts";

interopTest(
  "sluice follows a Service of Kubernetes: pods that drain, an API server that is gone, a token that is replaced",
  OPENSSL,
  async (stack) => {
    const [a, b] = [stack.use(await NamedServer.start("a")), stack.use(await NamedServer.start("b"))];
    const folder = stack.use(await temporaryDirectory());
    const authority = stack.use(await CertificateAuthority.create());
    const { cert, key } = await authority.issue({ name: "kubernetes", names: ["IP:127.0.0.1"] });
    const tls = { cert: await Deno.readTextFile(cert), key: await Deno.readTextFile(key) };
    const api = stack.use(new FakeKubernetes(tls));
    const tokenFile = join(folder.path, "token");
    const replaceToken = async (token: string) => {
      api.token = token;
      await Deno.writeTextFile(tokenFile, `${token}\n`);
    };
    await replaceToken("first-s3cret");
    api.set([{ address: a.address }]);

    const kubernetes = { service: "db", namespace: "prod", port: "main", server: api.address, tokenFile };
    const proxy = stack.use(
      await startProxy({
        upstreams: { db: { discovery: { kubernetes: { ...kubernetes, ca: authority.cert } } } },
        services: [{ name: "db", listen: 0, upstream: "db" }],
      }),
    );
    const port = Number(proxy.services[0]!.listen[0]!.split(":")[1]);
    const db = () => proxy.upstreams().find(({ name }) => name === "db")!;
    assert.equal(await answeringServer(port), "a");

    api.set([{ address: a.address, isTerminating: true }, { address: b.address }]);
    await eventually("b to answer", () => answeringServer(port), (name) => name === "b");
    assert.deepEqual(
      db().endpoints.map(({ address, admin }) => `${address} ${admin}`).sort(),
      [`${a.address} drain`, `${b.address} up`].sort(),
    );

    api.isDown = true;
    api.endWatches();
    await eventually("a refusal", () => api.refused.length, (length) => length > 0);
    assert.equal(await answeringServer(port), "b");
    await eventually("a failure", () => db().discovery!.error ?? "", (error) => error.includes("etcd"));
    await replaceToken("second-s3cret");
    api.set([{ address: a.address }]);
    api.isDown = false;
    await eventually("a to answer", () => answeringServer(port), (name) => name === "a");
    assert.deepEqual(db().endpoints.map(({ address }) => address), [a.address]);
    assert.doesNotMatch(JSON.stringify(proxy.upstreams()), /s3cret/);
  },
);
