/** Runs the installer script against a server with a made-up release. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findProgram } from "../support/interop.ts";

const SCRIPT = fileURLToPath(new URL("../../.github/build/install.sh", import.meta.url));
const NEEDS = ["curl", "tar", "sha256sum"];
const ignore = Deno.build.os === "windows" || NEEDS.some((name) => findProgram(name) === undefined);
const SHELLS = ["dash", "bash"].filter((shell) => findProgram(shell) !== undefined);

/** The machine that the tests say they are. */
const MACHINE = { system: "Linux", machine: "x86_64", libc: "ldd (GNU libc) 2.36" };
const TARGET = "x86_64-unknown-linux-gnu";
const ARCHIVE = `sluice-v9.8.7-${TARGET}.tar.gz`;

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder with a release, the server of it, and a home. */
class Installation implements AsyncDisposable {
  readonly #folder: string;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  /** The files of the release by path. */
  readonly files = new Map<string, Uint8Array<ArrayBuffer>>();
  /** Paths whose answers end in the middle. */
  readonly cut = new Set<string>();
  readonly requests: string[] = [];
  machine = MACHINE;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => this.#answer(request),
    );
  }

  static async create(): Promise<Installation> {
    const folder = await Deno.makeTempDir({ prefix: "sluice-install-" });
    const one = new Installation(folder);
    const inside = `sluice-v9.8.7-${TARGET}`;
    await Deno.mkdir(join(folder, inside));
    await Deno.writeTextFile(join(folder, inside, "sluice"), "#!/bin/sh\necho sluice 9.8.7\n");
    await run("tar", ["-czf", ARCHIVE, inside], { cwd: folder });
    const archive = await Deno.readFile(join(folder, ARCHIVE));
    const sum = new Uint8Array(await crypto.subtle.digest("SHA-256", archive)).toHex();
    const sums = new TextEncoder().encode(`${"0".repeat(64)}  sluice_9.8.7_amd64.deb\n${sum}  ${ARCHIVE}\n`);
    one.files.set("/latest/download/SHA256SUMS", sums).set("/download/v9.8.7/SHA256SUMS", sums);
    one.files.set(`/download/v9.8.7/${ARCHIVE}`, archive);
    return one;
  }

  get installed(): string {
    return join(this.#folder, "home/.local/bin/sluice");
  }

  async install(shell: string, ...args: string[]): Promise<Outcome> {
    const programs = join(this.#folder, "programs");
    await Deno.mkdir(programs, { recursive: true });
    const { system, machine, libc } = this.machine;
    await script(join(programs, "uname"), `[ "$1" = -m ] && echo ${machine} || echo ${system}`);
    await script(join(programs, "ldd"), `echo '${libc}'`);
    // The tests may run as root, for whom the directory is another.
    await script(join(programs, "id"), "echo 1000");
    return await run(shell, [SCRIPT, ...args], {
      cwd: this.#folder,
      env: {
        PATH: `${programs}:${Deno.env.get("PATH")}`,
        HOME: join(this.#folder, "home"),
        SLUICE_MIRROR: `http://127.0.0.1:${this.#server.addr.port}/`,
        http_proxy: "",
      },
    });
  }

  #answer(request: Request): Response {
    const { pathname } = new URL(request.url);
    this.requests.push(pathname);
    const file = this.files.get(pathname);
    if (file === undefined) return new Response("no such file", { status: 404 });
    if (!this.cut.has(pathname)) return new Response(file);
    const half = file.subarray(0, file.length / 2);
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(half),
      pull: (controller) => controller.close(),
    });
    return new Response(body, { headers: { "content-length": String(file.length) } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

for (const shell of SHELLS) {
  Deno.test({
    name: `install.sh installs the latest release, under ${shell}`,
    ignore,
    fn: async () => {
      await using release = await Installation.create();
      const { code, stdout, stderr } = await release.install(shell);
      assert.equal(code, 0, stderr);
      assert.equal(stderr, "");
      assert.match(
        stdout,
        /^Installs sluice \(the latest release\) for x86_64-unknown-linux-gnu as \/.*\/home\/.local\/bin\/sluice\n/,
      );
      assert.match(
        stdout,
        /\nThe SHA-256 sum is right: [0-9a-f]{64}\nInstalled \S+: sluice 9\.8\.7\n.* is not in PATH/,
      );
      assert.equal((await Deno.stat(release.installed)).mode! & 0o777, 0o755);
      assert.deepEqual(release.requests, ["/latest/download/SHA256SUMS", `/download/v9.8.7/${ARCHIVE}`]);
    },
  });
}

const [shell = "sh"] = SHELLS;

Deno.test({
  name: "install.sh installs a version into a directory, in place of an earlier one, and nothing beside it",
  ignore,
  fn: async () => {
    await using release = await Installation.create();
    await release.install(shell, "--version", "9.8.7");
    const { code, stderr } = await release.install(shell, "--version", "v9.8.7");
    assert.equal(code, 0, stderr);
    assert.equal(release.requests[0], "/download/v9.8.7/SHA256SUMS");
    const names = await Array.fromAsync(Deno.readDir(join(release.installed, "..")), ({ name }) => name);
    assert.deepEqual(names, ["sluice"]);
  },
});

Deno.test({
  name: "install.sh --dry-run says what it would do, and does nothing",
  ignore,
  fn: async () => {
    await using release = await Installation.create();
    const { code, stdout } = await release.install(
      shell,
      "--dry-run",
      "--dir",
      "/somewhere",
      "--version",
      "1.0.0",
    );
    assert.equal(code, 0);
    assert.match(
      stdout,
      /^Installs sluice 1\.0\.0 for \S+ as \/somewhere\/sluice\nfrom http:\S+\d\nThis is a dry run/,
    );
    assert.deepEqual(release.requests, []);
  },
});

interface Failure {
  readonly name: string;
  readonly args?: string[];
  readonly before: (release: Installation) => void;
  readonly code?: number;
  readonly message: RegExp;
}

const FAILURES: Failure[] = [
  {
    name: "an archive with another sum",
    before: ({ files }) =>
      files.set(`/download/v9.8.7/${ARCHIVE}`, new TextEncoder().encode("something else")),
    message: /the SHA-256 sum of \S+ is [0-9a-f]{64}, and SHA256SUMS has [0-9a-f]{64}: nothing is installed/,
  },
  {
    name: "a release without an archive for this machine",
    before: (release) => release.machine = { ...MACHINE, machine: "arm64" },
    message: /has no archive for aarch64-unknown-linux-gnu/,
  },
  {
    name: "an archive that the server does not have",
    before: ({ files }) => files.delete(`/download/v9.8.7/${ARCHIVE}`),
    message: /404[^]*cannot download http/,
  },
  {
    name: "a version that does not exist",
    args: ["--version", "1.2.3"],
    before: () => {},
    message: /cannot download \S+\/download\/v1\.2\.3\/SHA256SUMS/,
  },
  {
    name: "a download that ends in the middle",
    before: ({ cut }) => cut.add(`/download/v9.8.7/${ARCHIVE}`),
    message: /cannot download http/,
  },
  {
    name: "musl",
    before: (release) => release.machine = { ...MACHINE, libc: "musl libc (x86_64)" },
    message: /this system has musl .* need glibc/,
  },
  {
    name: "a processor without an executable",
    before: (release) => release.machine = { ...MACHINE, machine: "riscv64" },
    message: /no executable for the processor riscv64/,
  },
  {
    name: "a system without an executable",
    before: (release) => release.machine = { ...MACHINE, system: "FreeBSD" },
    message: /no executable for FreeBSD/,
  },
  {
    name: "an unknown option",
    args: ["--prefix"],
    before: () => {},
    code: 2,
    message: /unknown argument "--prefix"/,
  },
  {
    name: "an option without its value",
    args: ["--dir"],
    before: () => {},
    code: 2,
    message: /--dir needs a value/,
  },
];

for (const { name, args = [], before, code = 1, message } of FAILURES) {
  Deno.test({
    name: `install.sh refuses ${name}, and leaves what is installed as it is`,
    ignore,
    fn: async () => {
      await using release = await Installation.create();
      await script(release.installed, "echo earlier");
      before(release);
      const outcome = await release.install(shell, ...args);
      assert.equal(outcome.code, code, outcome.stdout);
      assert.match(outcome.stderr, message);
      assert.equal((await run(release.installed, [])).stdout, "earlier\n");
    },
  });
}

Deno.test({
  name: "install.sh does nothing when only a part of it has arrived",
  ignore,
  fn: async () => {
    const text = await Deno.readTextFile(SCRIPT);
    const part = await Deno.makeTempFile();
    try {
      for (const share of [0.3, 0.6, 0.9, 0.98]) {
        await Deno.writeTextFile(part, text.slice(0, text.length * share));
        const { stdout } = await run(shell, [part, "--dry-run"], {
          env: { SLUICE_MIRROR: "http://127.0.0.1:9" },
        });
        assert.equal(stdout, "");
      }
      await Deno.writeTextFile(part, text);
      const { stdout } = await run(shell, [part, "--dry-run"], {
        env: { SLUICE_MIRROR: "http://127.0.0.1:9" },
      });
      assert.match(stdout, /This is a dry run/);
    } finally {
      await Deno.remove(part);
    }
  },
});

async function script(path: string, text: string): Promise<void> {
  await Deno.mkdir(join(path, ".."), { recursive: true });
  await Deno.writeTextFile(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
}

async function run(program: string, args: string[], options: Deno.CommandOptions = {}): Promise<Outcome> {
  const { code, stdout, stderr } = await new Deno.Command(program, { ...options, args, stdin: "null" })
    .output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}
