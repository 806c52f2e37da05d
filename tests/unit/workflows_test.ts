/** Checks the workflows of CI and of releases, which cannot run in a test. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { parseCommand } from "../../src/cli/args.ts";
import { findProgram } from "../support/interop.ts";

const FOLDER = fileURLToPath(new URL("../../.github/workflows/", import.meta.url));

interface Job {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly needs?: string | readonly string[];
  readonly "runs-on": string;
  readonly strategy?: { readonly matrix: { readonly include?: readonly { readonly target: string }[] } };
  readonly steps: readonly { readonly uses?: string; readonly run?: string; readonly with?: unknown }[];
}

interface Workflow {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const TEXTS = new Map(
  [...Deno.readDirSync(FOLDER)].map(({ name }) => [name, Deno.readTextFileSync(join(FOLDER, name))]),
);
const WORKFLOWS = [...TEXTS].map(([name, text]) => ({ name, workflow: parse(text) as Workflow }));
const RELEASE = WORKFLOWS.find(({ name }) => name === "release.yml")!.workflow;

Deno.test("every action is pinned by a commit, with its version beside it", () => {
  const uses = [...TEXTS].flatMap(([name, text]) =>
    [...text.matchAll(/^ *(?:- )?uses: *(.*)$/gm)].map(([, action]) => ({ name, action: action! }))
  );
  assert.ok(uses.length >= 10, `only ${uses.length} actions`);
  for (const { name, action } of uses) {
    assert.match(action, /^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/, name);
  }
  const versions = Map.groupBy(uses, ({ action }) => action.split("@")[0]!);
  for (const [action, all] of versions) {
    assert.equal(new Set(all.map((one) => one.action)).size, 1, `${action} has one version`);
  }
});

Deno.test("workflows may only read, but for the job that publishes", () => {
  for (const { name, workflow } of WORKFLOWS) {
    assert.deepEqual(workflow.permissions, { contents: "read" }, name);
    const writers = Object.entries(workflow.jobs).filter(([, job]) => job.permissions?.contents === "write");
    assert.deepEqual(writers.map(([job]) => job), name === "release.yml" ? ["publish"] : []);
  }
});

Deno.test("jobs of a release that may write run nothing of the repository", () => {
  const writers = Object.entries(RELEASE.jobs).filter(([, { permissions }]) => permissions !== undefined);
  assert.deepEqual(writers.map(([name]) => name), ["image", "publish"]);
  for (const [name, { steps }] of writers) {
    for (const { uses, run } of steps) {
      assert.doesNotMatch(uses ?? "", /checkout|setup-deno/, name);
      assert.doesNotMatch(run ?? "", /\bdeno\b|\.github\/build/, name);
    }
  }
});

Deno.test("no checkout leaves a token in the tree", () => {
  for (const { name, workflow } of WORKFLOWS) {
    const steps = Object.values(workflow.jobs).flatMap((job) => job.steps);
    const checkouts = steps.filter(({ uses }) => uses?.startsWith("actions/checkout@"));
    assert.ok(checkouts.length > 0, name);
    for (const checkout of checkouts) assert.deepEqual(checkout.with, { "persist-credentials": false }, name);
  }
});

Deno.test("on Windows, git is set up before a checkout that deno fmt or a build reads", () => {
  const found = WORKFLOWS.flatMap(({ name, workflow }) =>
    Object.entries(workflow.jobs).filter(([, job]) => isOnWindows(job)).map(([job, { steps }]) => {
      const at = (wanted: (step: Job["steps"][number]) => boolean | undefined) => steps.findIndex(wanted);
      const settings = at(({ run }) => run?.startsWith("git config --global core.autocrlf input"));
      const checkout = at(({ uses }) => uses?.startsWith("actions/checkout@"));
      assert.ok(settings >= 0, `${name}, ${job}: no step sets core.autocrlf, so deno fmt --check would fail`);
      assert.ok(settings < checkout, `${name}, ${job}: core.autocrlf has to be set before the checkout`);
      return `${name} ${job}`;
    })
  );
  assert.deepEqual(found, ["ci.yml check", "release.yml check", "release.yml build"]);
});

/** Whether one of the machines of a job is a Windows. */
function isOnWindows(job: Job): boolean {
  return JSON.stringify([job["runs-on"], job.strategy?.matrix]).includes("windows");
}

Deno.test("the job debian of CI installs what tests of namespaces and of the image need, before .ci/run", () => {
  const { steps } = WORKFLOWS.find(({ name }) => name === "ci.yml")!.workflow.jobs["debian"]!;
  const runs = steps.flatMap(({ run }) => run ?? []);
  const at = runs.findIndex((run) => / iproute2 buildah$/.test(run));
  assert.ok(at >= 0 && at < runs.indexOf(".ci/run"), runs.join("\n"));
});

Deno.test("a release waits for the checks and the unit tests, and is attested with its list of parts", () => {
  const { check, build, publish } = RELEASE.jobs;
  const runs = check!.steps.map(({ run }) => run);
  assert.ok(runs.includes("deno task check") && runs.includes("deno task test:unit"));
  assert.deepEqual(build!.needs, ["check", "lock"]);
  const attested = publish!.steps.filter(({ uses }) => uses?.startsWith("actions/attest@"));
  assert.deepEqual(attested.map((step) => step.with), [
    { "subject-checksums": "files/SHA256SUMS" },
    { "subject-checksums": "files/SHA256SUMS", "sbom-path": "files/sluice.cdx.json" },
  ]);
});

Deno.test("executables of a release are built from the lock file that is made once for all of them", () => {
  const { lock, build, files } = RELEASE.jobs;
  const made = lock!.steps.findIndex(({ run }) =>
    run === "deno cache --lock=dist/deno.lock --frozen=false main.ts"
  );
  const handedOn = lock!.steps.findIndex(({ uses }) => uses?.startsWith("actions/upload-artifact@"));
  assert.ok(made >= 0 && made < handedOn);
  const { name, path } = lock!.steps[handedOn]!.with as Record<string, unknown>;
  assert.deepEqual([name, path], ["lock", "dist"]);
  const taken = build!.steps.findIndex(({ uses, with: given }) =>
    uses?.startsWith("actions/download-artifact@") &&
    JSON.stringify(given) === JSON.stringify({ name: "lock", path: "dist" })
  );
  const built = build!.steps.flatMap(({ run }, at) =>
    /\bcompile\b/.test(run ?? "") ? [{ run: run!, at }] : []
  );
  assert.equal(built.length, 1);
  assert.match(built[0]!.run, /^deno task compile .*--lock dist\/deno\.lock$/);
  assert.ok(taken >= 0 && taken < built[0]!.at);
  const released = files!.steps.map((step) => JSON.stringify(step.with));
  assert.ok(released.includes(JSON.stringify({ name: "lock", path: "files" })));
});

Deno.test("install.sh knows the targets for which a release has an archive", async () => {
  const script = await Deno.readTextFile(new URL("../../.github/build/install.sh", import.meta.url));
  const targets = RELEASE.jobs.build!.strategy!.matrix.include!.map(({ target }) => target);
  assert.equal(targets.length, 5);
  for (const target of targets.filter((each) => !each.includes("windows"))) {
    const [, machine, system] = /^([^-]+)-(.+)$/.exec(target)!;
    assert.ok(script.includes(`$machine-${system}"`), target);
    assert.ok(script.includes(`machine=${machine} ;;`), target);
  }
});

Deno.test("the image runs as a user that is not root, and its commands are those of sluice", async () => {
  const text = await Deno.readTextFile(new URL("../../.github/build/Containerfile", import.meta.url));
  const instruction = (name: string) => new RegExp(`^${name} (.*)$`, "m").exec(text)![1]!;
  assert.match(instruction("USER"), /^[1-9]\d+:[1-9]\d+$/);
  const [program, ...health] = JSON.parse(/CMD (\[.*\])$/.exec(instruction("HEALTHCHECK"))![1]!) as string[];
  assert.deepEqual([program], JSON.parse(instruction("ENTRYPOINT")));
  assert.deepEqual(parseCommand(health), { kind: "ready", url: "127.0.0.1:9000", timeout: undefined });
  assert.equal(parseCommand(JSON.parse(instruction("CMD"))).kind, "run");
});

Deno.test({
  name: "actionlint finds nothing wrong with the workflows",
  ignore: findProgram("actionlint") === undefined,
  fn: async () => {
    const files = [...TEXTS.keys()].map((name) => join(FOLDER, name));
    const { code, stdout } = await new Deno.Command("actionlint", { args: ["-no-color", ...files] }).output();
    assert.equal(new TextDecoder().decode(stdout), "");
    assert.equal(code, 0);
  },
});

for (
  const script of [
    ".github/build/install.sh",
    ".github/build/try_image.sh",
    ".ci/run",
    "tests/interop/systemd/machine.sh",
  ]
) {
  Deno.test({
    name: `shellcheck finds nothing wrong with ${script}`,
    ignore: findProgram("shellcheck") === undefined,
    fn: async () => {
      const path = fileURLToPath(new URL(`../../${script}`, import.meta.url));
      const { code, stdout } = await new Deno.Command("shellcheck", { args: [path] }).output();
      assert.equal(code, 0, new TextDecoder().decode(stdout));
    },
  });
}
