/**
 * The image of .github/build/Containerfile, built and run by buildah as root, without a daemon. Its base comes from a
 * registry, which tests do not ask: the one here has what the program needs of this machine.
 */

import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { blockWith } from "../../support/docs/page.ts";
import { findProgram, run } from "../../support/interop.ts";
import { connect, echo, readText, upstream, writeText } from "../../support/peers/sockets.ts";
import { Sluice } from "../../support/program/program.ts";
import { namespaceTest } from "../servers/network_namespace.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const BASE = "localhost/base";
const IMAGE = "localhost/sluice";

/** The part of an image that docs/deploy/container.md describes. */
interface ImageConfig {
  readonly User: string;
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
  readonly StopSignal: string;
  readonly ExposedPorts?: unknown;
  readonly Healthcheck: { readonly Test: readonly string[] };
  readonly Labels: Readonly<Record<string, string>>;
}

/** Images and containers in a folder of their own. */
class Buildah implements AsyncDisposable {
  readonly folder: string;
  readonly options: readonly string[];

  private constructor(folder: string) {
    this.folder = folder;
    const [root, runroot] = [join(folder, "images"), join(folder, "run")];
    this.options = ["--root", root, "--runroot", runroot, "--storage-driver", "vfs"];
  }

  static async make(): Promise<Buildah> {
    return new Buildah(await Deno.makeTempDir({ prefix: "sluice-image-" }));
  }

  async run(...args: readonly string[]): Promise<string> {
    return (await run("buildah", [...this.options, ...args])).text.trim();
  }

  /**
   * The command that runs another one in a container, as its user. The network is that of this machine.
   *
   * @param volumes As for `docker run`.
   */
  inside(container: string, ...volumes: readonly string[]): string[] {
    const mounts = volumes.flatMap((volume) => ["--volume", volume]);
    const options = ["run", "--isolation", "chroot", ...mounts, container, "--"];
    return [findProgram("buildah")!, ...this.options, ...options];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.run("rm", "--all");
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** What has the executable of a release in itself: Deno. */
const RUNTIME = "/usr/lib/deno";

/**
 * Writes the executable: that of SLUICE_BIN or, as building one needs a download, the program as a script of Deno.
 *
 * @returns the program that has to be in the base for it, with its libraries.
 */
async function writeExecutable(path: string): Promise<string> {
  const built = Deno.env.get("SLUICE_BIN");
  if (built !== undefined) {
    await Deno.copyFile(built, path);
    return built;
  }
  const importMap = Deno.env.get("SLUICE_IMPORT_MAP");
  const bundle = ["bundle", "--quiet", ...importMap ? ["--import-map", importMap] : [], "main.ts"];
  const { text } = await run(Deno.execPath(), bundle, { cwd: ROOT });
  await Deno.writeTextFile(path, `#!${RUNTIME} -A\n${text}`);
  return Deno.execPath();
}

/** The libraries of a program, and the program itself as {@linkcode RUNTIME}, below `root`. */
async function writeBase(root: string, program: string): Promise<void> {
  const { text } = await run("ldd", [program]);
  const libraries = Array.from(text.matchAll(/(?<=\s)\/\S+/g), ([path]) => path);
  assert.ok(libraries.some((path) => path.includes("libc.so")), text);
  for (const [from, to] of [...libraries.map((path) => [path, path]), [program, RUNTIME]]) {
    const target = join(root, to!);
    await Deno.mkdir(dirname(target), { recursive: true });
    await Deno.copyFile(await Deno.realPath(from!), target);
  }
}

async function buildImage(buildah: Buildah): Promise<ImageConfig> {
  const [context, root] = [join(buildah.folder, "context"), join(buildah.folder, "base")];
  await Deno.mkdir(context);
  await writeBase(root, await writeExecutable(join(context, "sluice")));
  const scratch = await buildah.run("from", "scratch");
  await buildah.run("copy", "--quiet", scratch, root, "/");
  await buildah.run("commit", "--quiet", scratch, BASE);
  await buildah.run(
    ...["bud", "--isolation", "chroot", "--format", "docker", "--tag", IMAGE],
    ...["--build-arg", `BASE=${BASE}`, "--build-arg", "VERSION=1.2.3", "--build-arg", "COMMIT=abc"],
    ...["--file", join(ROOT, ".github/build/Containerfile"), context],
  );
  return JSON.parse(await buildah.run("inspect", "--type", "image", IMAGE)).Docker.config;
}

namespaceTest(
  "the image has the user, the command and the health check of docs/deploy/container.md, relays and stops",
  { needs: ["buildah", "ldd"], install: "apt-get install buildah" },
  async (stack) => {
    const server = stack.use(upstream(echo));
    const buildah = stack.use(await Buildah.make());
    const image = await buildImage(buildah);
    assert.equal(image.User, "65532:65532");
    assert.deepEqual([...image.Entrypoint, ...image.Cmd], [
      "/usr/bin/sluice",
      "-c",
      "/etc/sluice/sluice.yaml",
    ]);
    assert.equal(image.StopSignal, "SIGTERM");
    assert.equal(image.ExposedPorts, undefined);
    assert.equal(image.Labels["org.opencontainers.image.version"], "1.2.3");
    assert.equal(image.Labels["org.opencontainers.image.revision"], "abc");
    const [kind, ...check] = image.Healthcheck.Test;
    assert.deepEqual([kind, check.at(-1)], ["CMD", "127.0.0.1:9000"]);

    const [mounted, kept] = [join(buildah.folder, "etc"), join(buildah.folder, "kept")];
    await Deno.mkdir(mounted, { mode: 0o755 });
    await Deno.writeTextFile(join(mounted, "sluice.yaml"), configuration(server.address), { mode: 0o644 });
    await run("install", ["-d", "-m", "700", "-o", "65532", "-g", "65532", kept]);
    const container = await buildah.run("from", IMAGE);
    const inside = buildah.inside(container, `${mounted}:/etc/sluice:ro`, `${kept}:/var/lib/sluice`);
    const command = [...inside, ...image.Entrypoint];
    const sluice = stack.use(await Sluice.start([...image.Cmd], { command, workers: 1 }));
    // buildah does not pass signals on, and leaves the program behind when it is killed.
    stack.defer(() => tryKill(sluice.pid));
    const status = await Deno.readTextFile(`/proc/${sluice.pid}/status`);
    assert.match(status, /^Uid:\t65532\t65532\t65532\t65532$/m);
    assert.match(status, /^CapEff:\t0{16}$/m);
    using client = await connect(sluice.port());
    await writeText(client, "bytes");
    assert.equal(await readText(client, 5), "bytes");
    client.close();
    // The folder of ACME is on the host.
    assert.equal((await Deno.stat(join(kept, "acme"))).uid, 65532);

    // The port of the health check is that of the page; here, any.
    const [program, ...args] = [...inside, ...check.slice(0, -1), sluice.ready.admin!];
    await run(program!, args);
    Deno.kill(sluice.pid, image.StopSignal as Deno.Signal);
    const { code, stderr } = await sluice.ended();
    assert.equal(code, 0, stderr);
  },
);

/** That of the page for ACME, with ports and addresses of this machine and a server that refuses, and a service without TLS. */
function configuration(to: string): string {
  const code = blockWith("docs/deploy/container.md", "yaml", "acme");
  const here = code.replace("0.0.0.0:8443", "127.0.0.1:0").replace("127.0.0.1:9000", "127.0.0.1:0")
    .replace("web.internal:80", to).replace(
      "agree_to_terms:",
      'directory: "https://127.0.0.1:1/", agree_to_terms:',
    );
  assert.match(here, /storage: \/var\/lib\/sluice\/acme/);
  return here.replace(
    "services:\n",
    `services:\n  - { name: plain, listen: 127.0.0.1:0, upstream: "${to}" }\n`,
  );
}

function tryKill(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}
