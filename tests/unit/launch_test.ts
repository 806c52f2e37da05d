/** The launcher of tests/offline: which packages it uses, and that it changes nothing else. */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import denoJson from "../../deno.json" with { type: "json" };
import offline from "../offline/import_map.json" with { type: "json" };

const LAUNCHER = fileURLToPath(new URL("../offline/launch.ts", import.meta.url));
const DENO_JSON = fileURLToPath(new URL("../../deno.json", import.meta.url));
/** The modules from JSR: `@std/cli/parse-args`. */
const FROM_JSR = Object.keys(offline.imports).filter((name) => name.startsWith("@std/"));
const STAND_INS = fileURLToPath(new URL("../offline/import_map.json", import.meta.url));

/** The facts that the launched script prints. */
interface Launched {
  importMap: string;
  args: string[];
  cwd: string;
  /** Its permissions. */
  granted: string[];
}

const REPORT = `
const names = ["net", "read", "write", "env", "sys", "run", "ffi"];
const states = await Promise.all(names.map((name) => Deno.permissions.query({ name })));
console.log(JSON.stringify({
  importMap: Deno.env.get("SLUICE_IMPORT_MAP"),
  args: Deno.args,
  cwd: Deno.cwd(),
  granted: names.filter((_, i) => states[i].state === "granted"),
}));
Deno.exit(7);
`;

const OUTLIVE = `
Deno.addSignalListener("SIGTERM", () => Deno.exit(9));
console.log("ready");
setInterval(() => {}, 1000);
`;

/** A registry that gives the same answer to every request, and counts them. */
class Registry implements AsyncDisposable {
  requests = 0;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(answer: (request: Request) => Response) {
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
      this.requests++;
      return answer(request);
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/`;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server.shutdown();
  }
}

const answering = () =>
  new Registry(() => Response.json({ scope: "std", name: "cli", versions: { "1.0.0": {} } }));
const failing = () => new Registry(() => new Response(null, { status: 503 }));
const gateway = () =>
  new Registry(() => new Response("<h1>Log in</h1>", { headers: { "content-type": "text/html" } }));

/** A registry with empty packages in place of the real ones. */
async function packages(): Promise<Registry> {
  const file = "export {};\n";
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(file));
  const checksum = `sha256-${new Uint8Array(digest).toHex()}`;
  const exported = Map.groupBy(
    FROM_JSR.map((name) => name.split("/")),
    ([, name]) => name!,
  );
  return new Registry((request) => {
    const [, , name, wanted] = new URL(request.url).pathname.split("/");
    const version = /[\d.]+/.exec(denoJson.imports[`@std/${name}` as keyof typeof denoJson.imports])![0];
    if (wanted === "meta.json") {
      return Response.json({ scope: "std", name, latest: version, versions: { [version]: {} } });
    }
    if (!wanted!.endsWith("_meta.json")) return new Response(file);
    const paths = exported.get(name!)!.map(([, , path]) => path!);
    return Response.json({
      manifest: Object.fromEntries(paths.map((path) => [`/${path}.ts`, { size: file.length, checksum }])),
      exports: Object.fromEntries(paths.map((path) => [`./${path}`, `./${path}.ts`])),
    });
  });
}

/** Makes Deno load all packages into a cache. */
async function download(cache: string, registry: string): Promise<void> {
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--config", DENO_JSON, FROM_JSR.map((name) => `import "${name}";`).join(" ")],
    env: { DENO_DIR: cache, JSR_URL: registry },
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

/** A command that launches a script, in a directory of its own with an empty cache. */
function launch(
  directory: string,
  script: string,
  env: Record<string, string>,
  flags: string[] = [],
): Deno.Command {
  const file = `${directory}/script.ts`;
  Deno.writeTextFileSync(file, script);
  const { SLUICE_IMPORT_MAP: _, ...inherited } = Deno.env.toObject();
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-config", "-A", LAUNCHER, "run", ...flags, file, "--", "a b", "--x"],
    clearEnv: true,
    env: { ...inherited, DENO_DIR: `${directory}/cache`, INIT_CWD: directory, ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

async function runLauncher(env: Record<string, string>, flags: string[] = []) {
  const directory = await Deno.realPath(await Deno.makeTempDir());
  try {
    return await runLauncherIn(directory, env, flags);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Does the same in a directory whose cache is kept. */
async function runLauncherIn(directory: string, env: Record<string, string>, flags: string[] = []) {
  const { code, stdout, stderr } = await launch(directory, REPORT, env, flags).output();
  const printed = new TextDecoder().decode(stderr);
  assert.equal(code, 7, printed); // the script's own
  const result: Launched = JSON.parse(new TextDecoder().decode(stdout));
  return { ...result, directory, stderr: printed };
}

Deno.test("launcher uses the real packages when JSR answers", async () => {
  await using registry = answering();
  const result = await runLauncher({ JSR_URL: registry.url });
  assert.equal(result.importMap, "");
  assert.equal(result.stderr, "");
  assert.equal(registry.requests, 1);
});

for (const [name, registryOf] of [["fails", failing], ["is a login page", gateway]] as const) {
  Deno.test(`launcher uses the stand-ins and prints that when JSR ${name}`, async () => {
    await using registry = registryOf();
    const result = await runLauncher({ JSR_URL: registry.url });
    assert.equal(result.importMap, STAND_INS);
    assert.match(result.stderr, /^sluice: JSR cannot be reached .*\n$/);
  });
}

Deno.test("launcher requests JSR once while it cannot be reached, and prints that each time", async () => {
  await using registry = failing();
  const directory = await Deno.realPath(await Deno.makeTempDir());
  try {
    for (let start = 1; start <= 3; start++) {
      const result = await runLauncherIn(directory, { JSR_URL: registry.url });
      assert.equal(result.importMap, STAND_INS);
      assert.match(result.stderr, /^sluice: JSR cannot be reached /);
      assert.equal(registry.requests, 1);
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("launcher requests nothing while all packages are cached, and requests JSR again after the cache is deleted", async () => {
  await using registry = await packages();
  const directory = await Deno.realPath(await Deno.makeTempDir());
  const env = { JSR_URL: registry.url };
  try {
    await download(`${directory}/cache`, registry.url);
    const requests = registry.requests;
    assert.ok(requests > 0);
    for (let start = 1; start <= 3; start++) {
      assert.equal((await runLauncherIn(directory, env)).importMap, "");
      assert.equal(registry.requests, requests);
    }
    await Deno.remove(`${directory}/cache`, { recursive: true });
    assert.equal((await runLauncherIn(directory, env)).importMap, "");
    assert.equal(registry.requests, requests + 1);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

for (const [name, importMap] of [["the stand-ins", STAND_INS], ["the real packages", ""]] as const) {
  Deno.test(`launcher keeps an earlier choice: ${name}`, async () => {
    await using registry = failing();
    const result = await runLauncher({ JSR_URL: registry.url, SLUICE_IMPORT_MAP: importMap });
    assert.equal(result.importMap, importMap);
    assert.equal(result.stderr, "");
    assert.equal(registry.requests, 0);
  });
}

Deno.test("launcher passes on arguments and the caller's directory", async () => {
  const result = await runLauncher({ SLUICE_IMPORT_MAP: "" });
  assert.deepEqual(result.args, ["--", "a b", "--x"]);
  assert.equal(result.cwd, result.directory);
});

Deno.test("launcher gives a run sluice's permissions unless it names its own", async () => {
  const result = await runLauncher({ SLUICE_IMPORT_MAP: "" });
  assert.deepEqual(result.granted, ["net", "read", "write", "env", "sys"]);
  const own = await runLauncher({ SLUICE_IMPORT_MAP: "" }, ["--allow-env", "--allow-read", "--no-prompt"]);
  assert.deepEqual(own.granted, ["read", "env"]);
});

Deno.test({
  name: "launcher leaves the handling of signals to the program",
  ignore: Deno.build.os === "windows", // it has no SIGTERM
  fn: async () => {
    const directory = await Deno.makeTempDir();
    const child = launch(directory, OUTLIVE, { SLUICE_IMPORT_MAP: "" }).spawn();
    const stdout = child.stdout.getReader();
    try {
      assert.match(new TextDecoder().decode((await stdout.read()).value), /^ready/);
      child.kill("SIGTERM");
      assert.equal((await child.status).code, 9);
    } finally {
      await Promise.all([stdout.cancel(), child.stderr.cancel()]);
      await Deno.remove(directory, { recursive: true });
    }
  },
});
