/** Lists whose entries are in files, which change while the program runs. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { clientHello } from "../../support/bytes/client_hellos.ts";
import { echoed } from "../../support/peers/echo_at_eof.ts";
import { answeringServer, NamedServer } from "../../support/peers/named_server.ts";
import { connect, readText, writeText } from "../../support/peers/sockets.ts";
import { Admin } from "../../support/program/admin.ts";
import { runSluice, Sluice } from "../../support/program/program.ts";
import { Servers } from "../routing/named_upstreams.ts";

const isLinux = Deno.build.os === "linux";

Deno.test({
  name: "a deny file acts again when it changes, in all threads, and open connections stay",
  ignore: !isLinux, // 127.0.0.2
  async fn() {
    await using a = await NamedServer.start("a");
    await using running = await Running.start({ "blocked.txt": "127.0.0.2 # for now\n" }, a.address, [
      "deny: [{ file: blocked.txt }, 127.0.0.3]",
    ]);
    assert.equal(await running.answers(), "a--");
    using open = await connect(running.sluice.port());
    await writeText(open, "NAME");
    assert.equal(await readText(open, 1), "a");

    await running.replace("blocked.txt", "127.0.0.1\r\n");
    const [line] = await running.sluice.loggedEvents("list_reloaded", 1);
    assert.deepEqual([line!["file"], line!["entries"]], [join(running.directory, "blocked.txt"), 1]);
    assert.equal(await running.answers(), "-a-");
    await writeText(open, "more");
    assert.equal(await readText(open, 4), "more");
    assert.equal((await running.admin.metrics()).sum("sluice_list_entries"), 1);
  },
});

Deno.test({
  name: "a file that is broken or missing keeps the entries, is logged once, and acts again once mended",
  ignore: !isLinux,
  async fn() {
    await using a = await NamedServer.start("a");
    await using running = await Running.start({ "office.txt": "127.0.0.2\n" }, a.address, [
      "allow: { file: office.txt }",
    ]);
    const { sluice, admin, directory } = running;
    await running.replace("office.txt", "127.0.0.0/8\nten\n127.0.0.0/33\n");
    const [line] = await sluice.loggedEvents("list_rejected", 1);
    const path = join(directory, "office.txt");
    assert.equal(
      line!["message"],
      `Keeping the entries in use. ${path}:2: Cannot parse "ten": expected an address or block such as ` +
        `10.0.0.0/8; ${path}:3: Cannot parse "127.0.0.0/33": expected a prefix of 0-32 after the slash`,
    );
    assert.equal(await running.answers(), "-a-");
    assert.equal((await admin.metrics()).sum("sluice_list_stale"), 1);

    await Deno.remove(path);
    const { status, text } = await admin.ask("POST", "/api/v1/reload");
    assert.deepEqual([status, /Keeping the entries in use\. Cannot read .* no such file/.test(text)], [
      422,
      true,
    ], text);
    assert.equal(await running.answers(), "-a-");
    assert.equal(sluice.events("list_rejected").length, 1);

    await running.replace("office.txt", "127.0.0.3\n");
    await sluice.loggedEvents("list_reloaded", 1);
    assert.equal(await running.answers(), "--a");
    assert.equal((await admin.metrics()).sum("sluice_list_stale"), 0);

    // Without an entry, it admits no client.
    await running.replace("office.txt", "# closed\n");
    await sluice.loggedEvents("list_reloaded", 2);
    assert.equal(await running.answers(), "---");
    assert.deepEqual(
      JSON.stringify(await admin.view("config")).includes(`"allow":[{"file":"${path}"}]`),
      true,
    );
  },
});

Deno.test({
  name: "a file that Kubernetes mounts is read again when the link beside it is swapped",
  ignore: !isLinux,
  async fn() {
    await using a = await NamedServer.start("a");
    await using running = await Running.start(
      {},
      a.address,
      ["deny: { file: map/blocked.txt }"],
      async (directory) => {
        const map = join(directory, "map");
        for (const [version, address] of [["one", "127.0.0.2"], ["two", "127.0.0.3"]] as const) {
          await Deno.mkdir(join(map, version), { recursive: true });
          await Deno.writeTextFile(join(map, version, "blocked.txt"), address);
        }
        await Deno.symlink("one", join(map, "..data"));
        await Deno.symlink(join("..data", "blocked.txt"), join(map, "blocked.txt"));
      },
    );
    assert.equal(await running.answers(), "a-a");
    const map = join(running.directory, "map");
    await Deno.symlink("two", join(map, "..data_tmp"));
    await Deno.rename(join(map, "..data_tmp"), join(map, "..data"));
    await running.sluice.loggedEvents("list_reloaded", 1);
    assert.equal(await running.answers(), "aa-");
  },
});

Deno.test("routes go by the names and addresses of files, also of changed ones", async () => {
  await using servers = new Servers("abc");
  const routes =
    `routes: [{ sni: [mail.example.com, { file: names.txt }], upstream: "${servers.address("b")}" }, ` +
    `{ source_ip: { file: sources.txt }, upstream: "${servers.address("c")}" }]`;
  const files = { "names.txt": "shop.example.com\n*.apps.example.com\n", "sources.txt": "192.0.2.0/24\n" };
  await using running = await Running.start(files, servers.address("a"), ["peek: { timeout: 20s }", routes]);
  const names = ["shop.example.com", "x.apps.example.com", "mail.example.com", "other.example.com"];
  const answers = async () => {
    let letters = "";
    for (const sni of names) {
      using conn = await connect(running.sluice.port());
      letters += (await echoed(conn, clientHello({ sni })))[0];
    }
    return letters;
  };
  assert.equal(await answers(), "bbba");
  await running.replace("names.txt", "other.example.com\n");
  await running.sluice.loggedEvents("list_reloaded", 1);
  await running.settled();
  assert.equal(await answers(), "aabb");
  await running.replace("sources.txt", "127.0.0.0/8\n::1\n");
  await running.sluice.loggedEvents("list_reloaded", 2);
  await running.settled();
  assert.equal(await answers(), "ccbb");
});

Deno.test("check and the start refuse a wrong file, with each wrong line and the place in the configuration", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const path = join(directory, "sluice.yaml");
    await Deno.writeTextFile(
      path,
      "defaults: { deny: [{ file: blocked.txt }] }\nservices:\n  - { name: a, listen: 0, upstream: 'db:1' }\n",
    );
    await Deno.writeTextFile(join(directory, "blocked.txt"), "10.0.0.0/8\nfoo\n\n10.0.0.1,10.0.0.2\n");
    const list = join(directory, "blocked.txt");
    const wrong = (line: number, text: string) =>
      `:1:28: defaults.deny[0].file: ${list}:${line}: Cannot parse "${text}": expected an address or block such as 10.0.0.0/8`;
    for (const args of [["check", path], ["-c", path]]) {
      const { code, stderr } = await runSluice(args);
      assert.equal(code, 2, stderr);
      for (const each of [wrong(2, "foo"), wrong(4, "10.0.0.1,10.0.0.2")]) {
        assert.ok(stderr.includes(each), stderr);
      }
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

/** A sluice with an admin interface, beside files that lists name. */
class Running implements AsyncDisposable {
  readonly sluice: Sluice;
  readonly admin: Admin;
  readonly directory: string;

  private constructor(sluice: Sluice, directory: string) {
    this.sluice = sluice;
    this.admin = new Admin(sluice);
    this.directory = directory;
  }

  static async start(
    files: Readonly<Record<string, string>>,
    upstream: string,
    keys: readonly string[],
    prepare: (directory: string) => Promise<void> = () => Promise.resolve(),
  ): Promise<Running> {
    const directory = await Deno.realPath(await Deno.makeTempDir());
    for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(join(directory, name), text);
    await prepare(directory);
    const service = ["name: test", "listen: 0", `upstream: "${upstream}"`, ...keys].join(", ");
    const path = join(directory, "sluice.yaml");
    await Deno.writeTextFile(
      path,
      `log: { format: json }\nadmin: { listen: "127.0.0.1:0" }\nservices: [{ ${service} }]\n`,
    );
    return new Running(await Sluice.start(["-c", path]), directory);
  }

  /** Replaces a file as programs do that leave no half of it. */
  async replace(name: string, text: string): Promise<void> {
    await Deno.writeTextFile(join(this.directory, `${name}.new`), text);
    await Deno.rename(join(this.directory, `${name}.new`), join(this.directory, name));
  }

  /** Every thread has what was sent to it before. */
  async settled(): Promise<void> {
    await this.admin.connections();
  }

  /** What clients at 127.0.0.1 to 127.0.0.3 get: the name of the server, or "-". */
  async answers(): Promise<string> {
    await this.settled();
    const visits = [1, 2, 3].map((last) =>
      answeringServer(this.sluice.port(), { localAddress: `127.0.0.${last}` })
    );
    return (await Promise.all(visits)).map((name) => name || "-").join("");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sluice[Symbol.asyncDispose]();
    await Deno.remove(this.directory, { recursive: true });
  }
}
