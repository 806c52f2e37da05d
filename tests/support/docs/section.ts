/** Runs the blocks of one section of a page, in their order, in a folder of their own. */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { CertificateAuthority, KeyPair } from "../certificates.ts";
import { findProgram } from "../interop.ts";
import { LineReader } from "../peers/line_reader.ts";
import { runSluice, sluiceCommand, within } from "../program/program.ts";
import { type Block, pathOf } from "./page.ts";

/** How long a command may take, in milliseconds. */
const PATIENCE = 60_000;

/** The line with which a program in the background reports that it is ready. */
const READY = /listening on |Ctrl-C ends it/;

/** The answers of servers, whatever clients send. */
const ANSWERS: Readonly<Record<string, string>> = { redis: "+PONG\r\n" };

/** Folders of the system that a test must not write to. */
const SYSTEM_FOLDERS = /\/(var\/log|run|etc)\/sluice(?=\/)/g;

const ENVIRONMENT = { NO_COLOR: "1", SLUICE_ADMIN_TOKEN: "correct-horse-battery" };

export interface SectionParts {
  readonly authority: CertificateAuthority;
  readonly pair: KeyPair;
  /** A folder with programs that take precedence over those of the PATH. */
  readonly programs: string;
  readonly ports: ReadonlyMap<number, number>;
}

export class Section implements AsyncDisposable {
  readonly #folder: string;
  readonly #parts: SectionParts;
  readonly #running = new AsyncDisposableStack();
  /** The output of the commands of the last block. */
  #printed = "";

  private constructor(folder: string, parts: SectionParts) {
    this.#folder = folder;
    this.#parts = parts;
  }

  static async open(parts: SectionParts): Promise<Section> {
    return new Section(await Deno.makeTempDir({ prefix: "sluice-docs-" }), parts);
  }

  async run(block: Block): Promise<void> {
    const { directives, language } = block;
    const code = this.#adapted(block.code);
    if (directives.file !== undefined) await Deno.writeTextFile(join(this.#folder, directives.file), code);
    if (directives.skip !== undefined || directives.tested !== undefined) return;
    if (directives.needs !== undefined && findProgram(directives.needs) === undefined) return;
    if (directives.by !== undefined) await this.#checkBy(block);
    else if (language === "yaml") await this.#check(block, code);
    else if (language === "sh") await this.#command(block, code);
    else if (language === "ts") await this.#program(block, code);
    else if (language === "json") { for (const text of documentsIn(code)) JSON.parse(text); }
    else if (directives.prints !== undefined) this.#compare(code);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running.disposeAsync();
    await Deno.remove(this.#folder, { recursive: true });
  }

  /** With the ports and folders of this run. */
  #adapted(code: string): string {
    let text = code.replaceAll(SYSTEM_FOLDERS, `${this.#folder}$&`);
    for (const [printed, free] of this.#parts.ports) {
      text = text.replaceAll(new RegExp(`(?<![\\d.])${printed}(?!\\d)`, "g"), String(free));
    }
    return text;
  }

  /** `sluice check` on a whole configuration, or on a fragment within its frame. */
  async #check({ directives, line }: Block, code: string): Promise<void> {
    for (const [folder] of code.matchAll(new RegExp(`${this.#folder}/[\\w/]+(?=/)`, "g"))) {
      await Deno.mkdir(folder, { recursive: true });
    }
    for (const [path] of code.matchAll(/certs\/[\w-]+\.(pem|key)/g)) await this.#certificate(path);
    const file = join(this.#folder, directives.file ?? `line_${line}.yaml`);
    await Deno.writeTextFile(file, framed(code, directives.frame));
    const { code: exit, stderr } = await runSluice(["check", file], { env: ENVIRONMENT });
    assert.equal(exit, Number(directives.exit ?? 0), stderr);
  }

  /** Another program checks a file of its own. */
  async #checkBy({ directives }: Block): Promise<void> {
    const { code, text } = await this.#shell(`${directives.by} ${directives.file}`, directives);
    assert.equal(code, 0, text);
  }

  /** Puts a certificate, key or authority where a configuration names one, unless a command has made it. */
  async #certificate(path: string): Promise<void> {
    const { authority, pair } = this.#parts;
    const source = path.endsWith(".key") ? pair.key : path.endsWith("-ca.pem") ? authority.cert : pair.cert;
    const target = join(this.#folder, path);
    await Deno.mkdir(join(this.#folder, "certs"), { recursive: true });
    if (!await Deno.stat(target).then(() => true, () => false)) await Deno.copyFile(source, target);
  }

  async #command({ directives }: Block, code: string): Promise<void> {
    const server = directives.with?.split(":");
    if (server !== undefined) this.#serve(ANSWERS[server[0]!]!, Number(this.#adapted(server[1]!)));
    if (directives.setup !== undefined) await this.#shell(directives.setup, directives);
    if (directives.background !== undefined) return await this.#start(code, directives);
    const { code: exit, text } = await this.#shell(code, directives);
    this.#printed = text;
    assert.equal(exit, Number(directives.exit ?? 0), text);
  }

  async #shell(code: string, directives: Block["directives"]): Promise<{ code: number; text: string }> {
    const child = this.#spawn("bash", ["-euc", code], directives);
    const [{ code: exit }, out, err] = await within(
      PATIENCE,
      code,
      Promise.all([child.status, new Response(child.stdout).text(), new Response(child.stderr).text()]),
    );
    return { code: exit, text: out + err };
  }

  /** Starts a program in the background, in a process group of its own, and waits until it is ready. */
  async #start(code: string, directives: Block["directives"]): Promise<void> {
    const child = this.#spawn("setsid", ["--wait", "bash", "-euc", code], directives);
    const out = new LineReader(child.stdout);
    const err = new LineReader(child.stderr);
    this.#running.defer(async () => {
      killGroup(child.pid);
      await Promise.all([child.status, out.done, err.done]);
    });
    const isReady = (line: string) => READY.test(line);
    await Promise.any([out.find(isReady), err.find(isReady)]).catch(({ errors }) => {
      throw errors[1];
    });
  }

  #spawn(program: string, args: string[], { in: place }: Block["directives"]): Deno.ChildProcess {
    const path = `${this.#parts.programs}:${Deno.env.get("PATH")}`;
    return new Deno.Command(program, {
      args,
      cwd: place === "checkout" ? pathOf(".") : this.#folder,
      env: { ...ENVIRONMENT, PATH: path },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  }

  #serve(answer: string, port: number): void {
    const listener = Deno.listen({ hostname: "127.0.0.1", port });
    const served = (async () => {
      for await (const conn of listener) {
        if (await conn.read(new Uint8Array(1024)) !== null) {
          await conn.write(new TextEncoder().encode(answer));
        }
        conn.close();
      }
    })();
    this.#running.defer(async () => {
      listener.close();
      await served;
    });
  }

  /** Runs a program that imports main.ts, and compares its output with its comments. Types are checked separately. */
  async #program({ line }: Block, code: string): Promise<void> {
    const file = join(this.#folder, `line_${line}.ts`);
    await Deno.writeTextFile(file, importing(code));
    const importMap = Deno.env.get("SLUICE_IMPORT_MAP");
    const { code: exit, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        code.includes("Deno.test(") ? "test" : "run",
        ...["--quiet", "-A", "--no-check", "--config", pathOf("deno.json")],
        ...importMap ? ["--import-map", importMap] : [],
        file,
      ],
      cwd: this.#folder,
      env: ENVIRONMENT,
    }).output();
    const printed = new TextDecoder().decode(stdout);
    assert.equal(exit, 0, printed + new TextDecoder().decode(stderr));
    const said = [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, comment]) => comment!);
    for (const comment of said) assert.ok(printed.split("\n").includes(comment), `${comment}\n${printed}`);
  }

  #compare(code: string): void {
    for (const line of code.trimEnd().split("\n")) {
      assert.ok(withoutNumbers(this.#printed).includes(withoutNumbers(line)), `${line}\n\n${this.#printed}`);
    }
  }
}

/** A program in the documentation imports main.ts as if it were beside it. */
export function importing(code: string): string {
  return code.replaceAll('from "./main.ts"', `from "${new URL("../../../main.ts", import.meta.url)}"`);
}

function framed(code: string, frame: string | undefined): string {
  if (frame === "service") {
    return `services:\n  - name: test\n    listen: 0\n    upstream: db:1\n${
      code.replaceAll(/^(?=.)/gm, "    ")
    }`;
  }
  if (frame === "file") return `${code}\nservices: [{ name: test, listen: 0, upstream: "db:1" }]\n`;
  return code;
}

/** One document, or one for each line. */
function documentsIn(code: string): string[] {
  const lines = code.trimEnd().split("\n");
  return lines.every((line) => line.startsWith("{") && line.endsWith("}")) ? lines : [code];
}

function withoutNumbers(text: string): string {
  return text.replaceAll(/\d+/g, "N").replaceAll(/[ \t]+/g, " ");
}

function killGroup(pid: number): void {
  try {
    Deno.kill(-pid, "SIGKILL");
  } catch {
    // The whole process group has ended.
  }
}

/** Writes programs that replace an installed sluice, and a deno that cannot reach JSR. */
export async function writePrograms(folder: string): Promise<void> {
  const importMap = Deno.env.get("SLUICE_IMPORT_MAP");
  const deno = importMap
    ? `case "$1" in run|test) first=$1; shift; set -- "$first" --import-map '${importMap}' "$@";; esac`
    : "";
  await writeProgram(folder, "sluice", `exec ${sluiceCommand().map((word) => `'${word}'`).join(" ")} "$@"`);
  await writeProgram(folder, "deno", `${deno}\nexec '${Deno.execPath()}' "$@"`);
  await writeProgram(
    folder,
    "npx",
    `[ "$1 $2" = "-y deno@${Deno.version.deno}" ] || exit 1\nshift 2\nexec deno "$@"`,
  );
}

async function writeProgram(folder: string, name: string, script: string): Promise<void> {
  const path = join(folder, name);
  await Deno.writeTextFile(path, `#!/bin/sh\n${script}\n`);
  await Deno.chmod(path, 0o755);
}
