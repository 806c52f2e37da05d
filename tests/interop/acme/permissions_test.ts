/** Certificates from Pebble with the permissions that docs/security.md lists for ACME, and no others. */

import { join } from "node:path";
import { CertificateAuthority } from "../../support/certificates.ts";
import { interopTest } from "../../support/interop.ts";
import { echo, upstream } from "../../support/peers/sockets.ts";
import {
  ALWAYS,
  CANNOT_NARROW,
  commandWith,
  complains,
  documentedFlags,
  together,
} from "../../support/program/narrow.ts";
import { Sluice } from "../../support/program/program.ts";
import { freePort } from "../../support/servers/server_home.ts";
import { PEBBLE, Pebble } from "../servers/pebble.ts";

interopTest(
  "ACME needs the permissions of docs/security.md, and no others",
  CANNOT_NARROW ? { needs: ["a program that runs from source"], install: "unset SLUICE_BIN" } : PEBBLE,
  async (stack) => {
    const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "sluice-acme-" }));
    stack.defer(() => Deno.remove(folder, { recursive: true }));
    const [configured, storage] = [join(folder, "etc"), join(folder, "acme")];
    await Deno.mkdir(configured);
    const authority = stack.use(await CertificateAuthority.create());
    const server = stack.use(upstream(echo));
    const httpPort = freePort();
    const pebble = await Pebble.start(stack, { authority, names: ["a.test"], httpPort });
    const ca = join(configured, "ca.pem");
    await Deno.copyFile(authority.cert, ca);
    const file = join(configured, "sluice.yaml");
    await Deno.writeTextFile(
      file,
      `log: { format: json }
services:
  - name: shop
    listen: 127.0.0.1:0
    upstream: "${server.address}"
    tls:
      acme:
        names: a.test
        agree_to_terms: true
        storage: "${storage}"
        directory: "${pebble.directory}"
        ca: "${ca}"
        http: 127.0.0.1:${httpPort}
`,
    );
    const listening = "an address that sluice listens on";
    const before = together(
      documentedFlags("the configuration, lists", { FOLDER: configured }),
      documentedFlags(listening, { HOST: "127.0.0.1", PORT: "0" }),
      documentedFlags(listening, { HOST: "127.0.0.1", PORT: String(httpPort) }),
    );
    const { hostname: HOST, port: PORT } = new URL(pebble.directory);
    const tried = documentedFlags("certificates by ACME", { HOST, PORT, FOLDER: storage });
    const args = ["-c", file];
    for (
      const [flag, added] of [["--allow-net", `${HOST}:${PORT}`], ["--allow-read", storage], [
        "--allow-write",
        storage,
      ]]
    ) {
      const message = new RegExp(`not allowed by Deno \\(add ${RegExp.escape(added!)} to ${flag}\\)`);
      await complains({ args, before, tried }, flag!, message);
      await Deno.remove(storage, { recursive: true }).catch(() => {});
    }
    const command = commandWith(together(ALWAYS, before, tried));
    const sluice = stack.use(await Sluice.start(args, { command }));
    await sluice.loggedEvents("acme_issued", 1);
    await sluice.loggedEvents("certificate_reloaded", 1);
  },
);
