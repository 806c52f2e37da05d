/** docs/recipes/mqtt.md */

import assert from "node:assert/strict";
import { CertificateAuthority, type KeyPair, OPENSSL } from "../../support/certificates.ts";
import { interopTest, run } from "../../support/interop.ts";
import { MOSQUITTO_AND_CLIENTS, startMosquitto } from "../servers/mosquitto.ts";
import { Recipe } from "./recipe.ts";

const RECIPE = new Recipe("mqtt");
const NEEDS = { ...MOSQUITTO_AND_CLIENTS, needs: [...MOSQUITTO_AND_CLIENTS.needs, ...OPENSSL.needs] };

interopTest("recipe: MQTT with client certificates", NEEDS, async (stack) => {
  const authority = stack.use(await CertificateAuthority.create());
  const devices = stack.use(await CertificateAuthority.create("Devices"));
  const others = stack.use(await CertificateAuthority.create("Others"));
  const server = await authority.issue({ name: "localhost" });
  const pem = await authority.file(
    "haproxy.pem",
    await Deno.readTextFile(server.cert) + await Deno.readTextFile(server.key),
  );
  await RECIPE.checkPeer(stack, {
    "/etc/haproxy/mqtt.pem": pem,
    "/etc/haproxy/devices-ca.pem": devices.cert,
  });
  const stopping = stack.use(new AsyncDisposableStack());
  const first = await startMosquitto(stopping);
  const second = await startMosquitto(stack);
  const addresses = [first, second].map(({ port }) => `127.0.0.1:${port}`);
  const recipe = await RECIPE.start(stack, {
    "10.0.0.41:1883": addresses[0]!,
    "10.0.0.42:1883": addresses[1]!,
    "certs/mqtt.pem": server.cert,
    "certs/mqtt.key": server.key,
    "certs/devices-ca.pem": devices.cert,
    "listen: :8883": "listen: 127.0.0.1:0",
  });
  const publish = (port: number, text: string, pair?: KeyPair) =>
    run("mosquitto_pub", [
      ...["-h", "localhost", "-p", `${port}`, "-t", "greetings", "-m", text, "-q", "1", "-r"],
      ...pair === undefined ? [] : ["--cert", pair.cert, "--key", pair.key],
      ...port === recipe.port() ? ["--cafile", authority.cert] : [],
    ]);
  // The broker keeps the message (-r), so that it can be read without sluice.
  const kept = async (port: number) =>
    (await run("mosquitto_sub", ["-h", "127.0.0.1", "-p", `${port}`, "-t", "greetings", "-C", "1"])).text;

  const device = await devices.issue({ name: "device-1", usage: "clientAuth" });
  await publish(recipe.port(), "hello", device);
  assert.equal(await kept(first.port), "hello\n");
  const stranger = await others.issue({ name: "device-1", usage: "clientAuth" });
  for (const pair of [undefined, stranger]) {
    await assert.rejects(publish(recipe.port(), "rejected", pair), /TLS|tls|error|Error|connection/);
  }
  const refused = await recipe.sluice.loggedEvents("connection_refused", 2);
  assert.deepEqual(refused.map(({ detail }) => detail), [
    "The client sent no certificate",
    "The certificate of the client is not accepted: its issuer, CN=Others, is not trusted",
  ]);
  assert.equal(await kept(first.port), "hello\n");

  await stopping.disposeAsync();
  await publish(recipe.port(), "still there", device);
  assert.equal(await kept(second.port), "still there\n");
});
