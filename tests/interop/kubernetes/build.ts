/**
 * Builds a Kubernetes API server, helm and others from Go modules, once for all checkouts, and runs the tests that need
 * them: `deno task kube [FILE...]`. Needs Go, etcd and kubectl. The first time takes several minutes.
 */

import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { findProgram } from "../../support/interop.ts";

const KUBERNETES = "1.36.3";
const HELM = "3.22.0";
const GATEWAY_API = "1.6.3";
/** What the program in the folder decode needs. */
const DECODERS = {
  "github.com/grafana/grafana-foundation-sdk/go": "0.0.22",
  "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring": "0.95.2",
};
/** Goes up when they are built in another way. */
const RECIPE = 2;
const TESTS = "tests/interop/kubernetes";
const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

const MAIN = `package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() { os.Exit(cli.Run(app.NewAPIServerCommand())) }
`;

/** Tests that lack one of them are skipped, which would make this task succeed without any. */
const NEEDED = { etcd: "apt-get install etcd-server", kubectl: "https://kubernetes.io/docs/tasks/tools/" };

if (import.meta.main) {
  const absent = Object.entries(NEEDED).filter(([program]) => findProgram(program) === undefined);
  for (const [program, install] of absent) console.error(`Cannot find ${program}: ${install}`);
  Deno.exitCode = absent.length > 0 ? 1 : await buildAndTest();
}

/** Returns the exit code of the tests. */
async function buildAndTest(): Promise<number> {
  const tools = join(cacheFolder(), "sluice", `kubernetes-${KUBERNETES}-helm-${HELM}-${RECIPE}`);
  await Deno.mkdir(tools, { recursive: true });
  await unlessThere(join(tools, "kube-apiserver"), buildApiServer);
  await unlessThere(join(tools, "helm"), buildHelm);
  const crds = join(tools, `gateway-api-${GATEWAY_API}`);
  await unlessThere(crds, takeGatewayApi);
  const conformance = join(tools, `gateway-api-conformance-${GATEWAY_API}`);
  await unlessThere(conformance, buildConformance);
  const source = await decoderSource();
  const decoder = join(tools, `decode-${await digestOf(Object.values(source))}`);
  await unlessThere(decoder, (path) => buildDecoder(path, source));
  const launch = ["run", "--no-config", "-A", "tests/offline/launch.ts", "test", "-A", "--no-check"];
  const files = Deno.args.length > 0 ? Deno.args : [TESTS];
  const PATH = `${tools}${delimiter}${Deno.env.get("PATH")}`;
  const env = {
    PATH,
    SLUICE_KUBE_APISERVER: join(tools, "kube-apiserver"),
    SLUICE_GATEWAY_CRDS: crds,
    SLUICE_GATEWAY_CONFORMANCE: conformance,
    SLUICE_DECODER: decoder,
  };
  return await run(Deno.execPath(), [...launch, ...files], { cwd: ROOT, env });
}

function cacheFolder(): string {
  return Deno.env.get("XDG_CACHE_HOME") || join(Deno.env.get("HOME")!, ".cache");
}

/** Has `build` write a program beside its path first, so that it is never there in part. */
async function unlessThere(path: string, build: (path: string) => Promise<void>): Promise<void> {
  if (await Deno.stat(path).then(() => true, () => false)) return;
  console.error(`Building ${path}`);
  const folder = await Deno.makeTempDir({ dir: join(path, "..") });
  try {
    await build(join(folder, "built"));
    await Deno.rename(join(folder, "built"), path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function buildApiServer(path: string): Promise<void> {
  const cwd = join(path, "..");
  const module = `module kube\n\ngo 1.26\n\nrequire k8s.io/kubernetes v${KUBERNETES}\n`;
  await Deno.writeTextFile(join(cwd, "main.go"), MAIN);
  await Deno.writeTextFile(join(cwd, "go.mod"), module);
  const file = await moduleField("k8s.io/kubernetes", KUBERNETES, "GoMod", cwd);
  // Its own modules stand there with v0.0.0, for folders of its repository.
  const own = (await Deno.readTextFile(file)).matchAll(/^\s(k8s\.io\/\S+) v0\.0\.0$/gm);
  const version = KUBERNETES.replace(/^1/, "v0");
  const replaced = Array.from(own, ([, name]) => `replace ${name} => ${name} ${version}\n`);
  await Deno.writeTextFile(join(cwd, "go.mod"), `${module}\n${replaced.join("")}`);
  // Charts say which versions they are for.
  const named = `-X k8s.io/component-base/version.gitVersion=v${KUBERNETES}`;
  await go(["build", "-mod=mod", `-ldflags=${named}`, "-o", path, "."], { cwd });
}

async function buildHelm(path: string): Promise<void> {
  const cwd = join(path, "..");
  await go(["install", `helm.sh/helm/v3/cmd/helm@v${HELM}`], { cwd, env: { GOBIN: cwd } });
  await Deno.rename(join(cwd, "helm"), path);
}

/** The CustomResourceDefinitions, which are in the module beside its code. */
async function takeGatewayApi(path: string): Promise<void> {
  const folder = await moduleField("sigs.k8s.io/gateway-api", GATEWAY_API, "Dir", join(path, ".."));
  await Deno.mkdir(path);
  for await (const { name } of Deno.readDir(join(folder, "config/crd/standard"))) {
    // Modules are read-only, and a copy of Deno's has the mode of the original.
    await Deno.writeFile(join(path, name), await Deno.readFile(join(folder, "config/crd/standard", name)));
  }
}

/** The tests of the Gateway API's conformance suite as a program, and the program that is in the image of its pods. */
async function buildConformance(path: string): Promise<void> {
  const cwd = join(path, "..");
  const suite = "sigs.k8s.io/gateway-api/conformance";
  // Within its repository, the suite has the API at v0.0.0.
  const required = [suite, "sigs.k8s.io/gateway-api"].map((module) => `require ${module} v${GATEWAY_API}\n`);
  await Deno.mkdir(path);
  await Deno.writeTextFile(join(cwd, "go.mod"), `module conformance\n\ngo 1.26\n\n${required.join("")}`);
  await go(["build", "-mod=mod", "-o", join(path, "echo-basic"), `${suite}/echo-basic`], { cwd });
  await go(["test", "-mod=mod", "-c", "-o", join(path, "suite"), suite], { cwd });
}

/** The files of the program that decodes what others read. */
async function decoderSource(): Promise<Record<"main.go" | "go.mod", string>> {
  const required = Object.entries(DECODERS).map(([module, version]) => `require ${module} v${version}\n`);
  return {
    "main.go": await Deno.readTextFile(new URL("decode/main.go", import.meta.url)),
    "go.mod": `module decode\n\ngo 1.26\n\n${required.join("")}`,
  };
}

async function buildDecoder(path: string, source: Readonly<Record<string, string>>): Promise<void> {
  const cwd = join(path, "..");
  for (const [name, text] of Object.entries(source)) await Deno.writeTextFile(join(cwd, name), text);
  await go(["build", "-mod=mod", "-o", path, "."], { cwd });
}

/** Names what is built after its source, so that another source is built again. */
async function digestOf(texts: readonly string[]): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(texts.join("")));
  return new Uint8Array(digest).toHex().slice(0, 12);
}

/** Downloads a module, and says what `go` knows of it. */
async function moduleField(module: string, version: string, field: string, cwd: string): Promise<string> {
  const { stdout } = await new Deno.Command("go", {
    args: ["mod", "download", "-json", `${module}@v${version}`],
    cwd,
    stderr: "inherit",
  }).output();
  return JSON.parse(new TextDecoder().decode(stdout))[field];
}

async function go(args: string[], options: Deno.CommandOptions): Promise<void> {
  const code = await run("go", args, options);
  if (code !== 0) throw new Error(`go ${args.join(" ")} ended with code ${code}`);
}

async function run(program: string, args: string[], options: Deno.CommandOptions): Promise<number> {
  const { code } = await new Deno.Command(program, { args, ...options, stdout: "inherit", stderr: "inherit" })
    .spawn().status;
  return code;
}
