/** A common set of the permissions in docs/security.md: it is enough, and without any of them the program says so. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { eventually } from "../../../support/eventually.ts";
import { connect, echo, readText, upstream, writeText } from "../../../support/peers/sockets.ts";
import {
  ALWAYS,
  CANNOT_NARROW,
  commandWith,
  documentedFlags,
  type Flags,
  together,
} from "../../../support/program/narrow.ts";
import { type Finished, runSluice, Sluice } from "../../../support/program/program.ts";

/** Those of several rows of the page, with a folder of its own for what it reads and writes. */
function permissionsFor(folder: string): Flags {
  return together(
    ALWAYS,
    new Map([["--allow-net", ["127.0.0.1"]]]),
    documentedFlags("the configuration, lists", { FOLDER: folder }),
    documentedFlags("the access log", { FILE: join(folder, "access.log") }),
  );
}

/** A folder with a configuration. */
class Setup implements AsyncDisposable {
  readonly #upstream = upstream(echo);

  private constructor(readonly folder: string) {}

  static async create(): Promise<Setup> {
    const setup = new Setup(await Deno.realPath(await Deno.makeTempDir({ prefix: "sluice-permissions-" })));
    await setup.configure("first");
    return setup;
  }

  get file(): string {
    return join(this.folder, "sluice.yaml");
  }

  get log(): string {
    return join(this.folder, "access.log");
  }

  async configure(added: string): Promise<void> {
    const service = (name: string) =>
      `  - { name: ${name}, listen: 0, upstream: "127.0.0.1:${this.#upstream.port}" }\n`;
    await Deno.writeTextFile(
      this.file,
      `admin: { listen: "127.0.0.1:0" }\nlog: { access: { path: ${JSON.stringify(this.log)} } }\n` +
        `services:\n${service("test")}${service(added)}`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#upstream[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}

Deno.test({
  name:
    "the permissions of docs/security.md are enough for a connection, a reload, the admin interface and metrics",
  ignore: CANNOT_NARROW,
  fn: async () => {
    await using setup = await Setup.create();
    const command = commandWith(permissionsFor(setup.folder));
    await using sluice = await Sluice.start(["-c", setup.file], { command });
    {
      using client = await connect(sluice.port());
      await writeText(client, "bytes");
      assert.equal(await readText(client, 5), "bytes");
    }
    const isLogged = (text: string) => /event=connection_closed .*service=test/.test(text);
    await eventually("the line of the connection", () => Deno.readTextFile(setup.log), isLogged);
    await setup.configure("second");
    const admin = sluice.ready.admin!;
    const reload = await runSluice(["reload", "--admin", admin]);
    assert.equal(reload.code, 0, reload.stderr);
    const metrics = await (await fetch(`http://${admin}/metrics`)).text();
    assert.match(metrics, /^sluice_connections_total\{service="test"\} 1$/m);
    assert.match(metrics, /service="second"/);
    assert.equal((await runSluice(["check", "--ready", admin])).code, 0);
    assert.equal((await sluice.stop()).code, Deno.build.os === "windows" ? 1 : 0);
  },
});

Deno.test({
  name: "without one of its permissions, sluice does not start, and says what it may not do",
  ignore: CANNOT_NARROW,
  fn: async () => {
    await using setup = await Setup.create();
    const refusals: [without: string, message: RegExp][] = [
      ["--allow-net", /Cannot listen on .*not allowed by Deno \(add 127\.0\.0\.1:0 to --allow-net\)/],
      ["--allow-read", /Cannot use the configuration[^]* to --allow-read/],
      ["--allow-write", /access\.log.* to --allow-write/],
      ["--allow-env", /Requires env access/],
    ];
    await Promise.all(refusals.map(async ([without, message]) => {
      const flags = new Map([...permissionsFor(setup.folder)].filter(([flag]) => flag !== without));
      const { code, stderr } = await runToEnd([...commandWith(flags), "-c", setup.file]);
      assert.notEqual(code, 0, without);
      assert.match(stderr, message, without);
    }));
  },
});

async function runToEnd([program, ...args]: string[]): Promise<Finished> {
  const options = { args, stdin: "null", env: { NO_COLOR: "1" } } as const;
  const { code, stdout, stderr } = await new Deno.Command(program!, options).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
