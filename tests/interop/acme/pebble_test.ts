/** Certificates that sluice orders from Pebble, which refuses one in twenty good nonces. */

import assert from "node:assert/strict";
import { interopTest } from "../../support/interop.ts";
import { Sluice } from "../../support/program/program.ts";
import { freePort } from "../../support/servers/server_home.ts";
import { PEBBLE, Pebble } from "../servers/pebble.ts";
import { certificateAt, Site } from "./site.ts";

for (const workers of [1, 2]) {
  interopTest(
    `sluice orders a certificate over TLS, and another one for more names after a reload (${workers} threads)`,
    PEBBLE,
    async (stack) => {
      const site = await Site.make(stack);
      const path = await site.write("one", 0);
      const sluice = stack.use(await Sluice.start(["-c", path], { workers }));
      const port = sluice.port();
      const names = ["a.test", "b.test"];
      const pebble = await Pebble.start(stack, { authority: site.authority, names, tlsPort: port });

      await site.write("one", 0, `, tls: { ${site.acme(pebble, ["a.test"])} }`);
      sluice.kill("SIGHUP");
      await sluice.loggedEvents("acme_waiting", 1);
      await sluice.loggedEvents("acme_issued", 1);
      await sluice.loggedEvents("certificate_reloaded", 1);
      const first = await certificateAt(port, "a.test", pebble, site.folder);
      const checks = sluice.events("connection_closed").filter(({ code }) => code === "acme_challenge");
      assert.ok(checks.length >= 1);

      await site.write("one", 0, `, tls: { ${site.acme(pebble, names)} }`);
      sluice.kill("SIGHUP");
      await sluice.loggedEvents("acme_issued", 2);
      await sluice.loggedEvents("certificate_reloaded", 2);
      const second = await certificateAt(port, "b.test", pebble, site.folder);
      assert.notEqual(second, first);
      const metrics = await (await fetch(`http://${sluice.ready.admin}/metrics`)).text();
      const files = (metric: string) =>
        Array.from(
          metrics.matchAll(new RegExp(`^${metric}\\{.*certificate="([^"]+)"`, "gm")),
          ([, file]) => file,
        );
      // As the dashboard relates them to each other.
      const ordered = files("sluice_acme_last_success_timestamp_seconds");
      assert.equal(ordered.length, 1, metrics);
      assert.deepEqual(files("sluice_tls_certificate_expiry_timestamp_seconds"), ordered);
      assert.deepEqual(files("sluice_acme_failing"), ordered);
      assert.equal((await sluice.stop()).code, 0);
    },
  );
}

interopTest("sluice orders a certificate over HTTP, for a protocol with STARTTLS", PEBBLE, async (stack) => {
  const site = await Site.make(stack);
  const httpPort = freePort();
  const pebble = await Pebble.start(stack, { authority: site.authority, names: ["mail.test"], httpPort });
  const acme = site.acme(pebble, ["mail.test"], `, http: "127.0.0.1:${httpPort}"`);
  const sluice = stack.use(
    await Sluice.start(["-c", await site.write("one", 0, `, tls: { ${acme}, starttls: smtp }`)]),
  );
  await sluice.loggedEvents("acme_issued", 1);
  assert.equal(sluice.events("acme_listening")[0]!["listen"], `127.0.0.1:${httpPort}`);
  const other = await fetch(`http://127.0.0.1:${httpPort}/.well-known/acme-challenge/none`);
  assert.equal(other.status, 404);
  assert.match(await other.text(), /No such check/);
});

interopTest(
  "a check reaches another proxy than the one that orders, which shares the folder",
  PEBBLE,
  async (stack) => {
    const site = await Site.make(stack);
    const answering = stack.use(await Sluice.start(["-c", await site.write("one", 0)]));
    const port = answering.port();
    const names = ["a.test"];
    const pebble = await Pebble.start(stack, { authority: site.authority, names, tlsPort: port });
    // It cannot get its own certificate, as nothing leads to the first name.
    await site.write("one", 0, `, tls: { ${site.acme(pebble, ["nowhere.test", "a.test"])} }`);
    answering.kill("SIGHUP");
    await answering.loggedEvents("acme_failed", 1);

    const path = await site.write("two", 0, `, tls: { ${site.acme(pebble, names)} }`);
    const ordering = stack.use(await Sluice.start(["-c", path]));
    await ordering.loggedEvents("acme_issued", 1);
    await certificateAt(ordering.port(), "a.test", pebble, site.folder);
    assert.equal(
      ordering.events("connection_closed").filter(({ code }) => code === "acme_challenge").length,
      0,
    );
    // From three places each, for both orders.
    assert.ok(
      answering.events("connection_closed").filter(({ code }) => code === "acme_challenge").length > 3,
    );
    const [failed] = answering.events("acme_failed");
    assert.match(String(failed!["msg"] ?? failed!["message"]), /nowhere\.test/);
  },
);

interopTest(
  "two processes that share a folder order one certificate, and both serve it",
  PEBBLE,
  async (stack) => {
    const site = await Site.make(stack);
    const httpPorts = [freePort(), freePort()] as const;
    // Checks reach the first one, whichever orders.
    const [httpPort] = httpPorts;
    const pebble = await Pebble.start(stack, { authority: site.authority, names: ["a.test"], httpPort });
    const start = async (port: number) => {
      const acme = site.acme(pebble, ["a.test"], `, http: "127.0.0.1:${port}"`);
      const path = await site.write(`at-${port}`, 0, `, tls: { ${acme} }`);
      return stack.use(await Sluice.start(["-c", path]));
    };
    const both = await Promise.all(httpPorts.map(start));
    await Promise.all(both.map((each) => each.loggedEvents("certificate_reloaded", 1)));
    for (const event of ["acme_ordering", "acme_issued"]) {
      assert.equal(both.flatMap((each) => each.events(event)).length, 1, event);
    }
    const [first, second] = await Promise.all(
      both.map((each) => certificateAt(each.port(), "a.test", pebble, site.folder)),
    );
    assert.equal(first, second);
    for (const each of both) assert.equal(each.events("acme_failed").length, 0);
  },
);
