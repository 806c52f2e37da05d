/** A program with the permissions that docs/security.md lists, and what they are needed for. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { findProgram, type Needs } from "../../../support/interop.ts";
import { connect, echo, readText, upstream, writeText } from "../../../support/peers/sockets.ts";
import { temporaryDirectory } from "../../../support/program/directory.ts";
import {
  type Attempt,
  CANNOT_NARROW,
  complains,
  documentedFlags,
  type Flags,
  type Running,
  together,
  works,
} from "../../../support/program/narrow.ts";

/** A folder for a configuration, another one for what the feature reads and writes, and a server. */
export class Setup implements AsyncDisposable {
  readonly stack = new AsyncDisposableStack();
  readonly server = this.stack.use(upstream(echo));
  readonly folder: string;
  readonly #file: string;

  private constructor(folder: string, file: string) {
    this.folder = folder;
    this.#file = file;
  }

  static async create(): Promise<Setup> {
    const [own, other] = [await temporaryDirectory(), await temporaryDirectory()];
    const [folder, configured] = [await Deno.realPath(own.path), await Deno.realPath(other.path)];
    const setup = new Setup(folder, join(configured, "sluice.yaml"));
    setup.stack.use(own);
    setup.stack.use(other);
    return setup;
  }

  /** What the configuration needs, with a listener on port 0. */
  get always(): Flags {
    return together(
      documentedFlags("the configuration, lists", { FOLDER: join(this.#file, "..") }),
      documentedFlags("an address that sluice listens on", { HOST: "127.0.0.1", PORT: "0" }),
    );
  }

  /** Also connects to the server. */
  get relaying(): Flags {
    return together(this.always, this.upstreamFlags);
  }

  get upstreamFlags(): Flags {
    const [host, port] = this.server.address.split(":");
    return documentedFlags("an upstream by IP address", { HOST: host!, PORT: port! });
  }

  async attempt(
    yaml: string,
    more: Omit<Attempt, "args"> & { readonly args?: readonly string[] },
  ): Promise<Attempt> {
    await Deno.writeTextFile(this.#file, yaml);
    return { ...more, args: ["-c", this.#file, ...more.args ?? []] };
  }

  service({ listen = "127.0.0.1:0", to = this.server.address, more = "" } = {}): string {
    return `services: [{ name: test, listen: "${listen}", upstream: "${to}"${more} }]\n`;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stack.disposeAsync();
  }
}

/** @param missing What it lacks here: it is skipped. */
export function test(name: string, fn: (setup: Setup) => Promise<void>, missing?: string): void {
  const lacks = CANNOT_NARROW ? "a program that runs from source" : missing;
  Deno.test({
    name: `${name} needs the permissions of docs/security.md, and no others` +
      (lacks === undefined ? "" : ` (skipped: needs ${lacks})`),
    ignore: lacks !== undefined,
    fn: async () => {
      await using setup = await Setup.create();
      await fn(setup);
    },
  });
}

/** What is missing of these programs, for {@linkcode test}. */
export function missingOf({ needs, install }: Needs): string | undefined {
  const missing = needs.find((name) => findProgram(name) === undefined);
  return missing === undefined ? undefined : `${missing}: ${install}`;
}

export async function relays(sluice: Running): Promise<void> {
  using client = await connect(sluice.port());
  await speak(client);
}

export async function speak(client: Deno.Conn): Promise<void> {
  await writeText(client, "bytes");
  assert.equal(await readText(client, 5), "bytes");
}

/** Works with the flags; without any of them, the message advises to add what the row has. */
export async function needs(attempt: Attempt, messages: Readonly<Record<string, RegExp>>): Promise<void> {
  await works(attempt);
  for (const [flag, message] of Object.entries(messages)) await complains(attempt, flag, message);
}

export function adding(what: string, flag: string): RegExp {
  return new RegExp(`not allowed by Deno \\(add ${RegExp.escape(what)} to --allow-${flag}\\)`);
}
