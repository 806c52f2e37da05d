/** The pages of docs/recipes: a configuration as another proxy has it, and the one of sluice, which tests run. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { type Block, parsePage, pathOf } from "../../support/docs/page.ts";
import { findProgram, run } from "../../support/interop.ts";
import { Admin } from "../../support/program/admin.ts";
import { Sluice, type StartOptions } from "../../support/program/program.ts";
import { Home } from "../../support/servers/server_home.ts";
import { streamModule } from "../servers/nginx.ts";

/** What stands on a page, and what a test has in its place: addresses, ports and paths. */
export type Replacements = Readonly<Record<string, string>>;

export class Recipe {
  readonly #path: string;
  readonly #blocks: readonly Block[];

  constructor(name: string) {
    this.#path = `docs/recipes/${name}.md`;
    this.#blocks = parsePage(this.#path, Deno.readTextFileSync(pathOf(this.#path))).blocks;
  }

  /** Starts sluice with the configuration of the page. It also logs JSON and has an admin interface. */
  async start(
    stack: AsyncDisposableStack,
    replacements: Replacements,
    options: StartOptions = {},
  ): Promise<RunningRecipe> {
    const yaml = replaced(this.#only("yaml"), replacements);
    const own = 'log: { format: json }\nadmin: { listen: "127.0.0.1:0" }\n';
    return new RunningRecipe(stack.use(await Sluice.withConfig(own + yaml, [], options)));
  }

  /** Has the other proxy check its own configuration, if it is installed. */
  async checkPeer(stack: AsyncDisposableStack, replacements: Replacements = {}): Promise<void> {
    const { language, code } = this.#blocks.find(({ language }) => language in PEERS)!;
    const { program, args } = PEERS[language]!;
    if (findProgram(program) === undefined) return;
    const home = stack.use(await Home.make("nobody"));
    const file = join(home.path, "peer.conf");
    await Deno.writeTextFile(
      file,
      `${await PEERS[language]!.before(home.path)}${replaced(code, replacements)}`,
    );
    await run(program, args(file, home.path));
  }

  #only(language: string): string {
    const found = this.#blocks.filter((block) => block.language === language);
    assert.equal(found.length, 1, `${this.#path} has ${found.length} blocks of ${language}`);
    return found[0]!.code;
  }
}

export class RunningRecipe {
  readonly sluice: Sluice;
  readonly admin: Admin;

  constructor(sluice: Sluice) {
    this.sluice = sluice;
    this.admin = new Admin(sluice);
  }

  /** The port of a service: the first unless given. */
  port(service = 0): number {
    return this.sluice.port(service);
  }

  /** Resolves once an endpoint has changed to this state so often. */
  async became(endpoint: string, state: "up" | "down", times = 1): Promise<void> {
    for (let count = times;; count++) {
      const events = await this.sluice.loggedEvents(`endpoint_${state}`, count);
      if (events.filter((event) => event["endpoint"] === endpoint).length >= times) return;
    }
  }
}

interface Peer {
  readonly program: string;
  readonly args: (file: string, home: string) => string[];
  /** What a page leaves out. */
  readonly before: (home: string) => Promise<string> | string;
}

const PEERS: Readonly<Record<string, Peer>> = {
  haproxy: {
    program: "haproxy",
    args: (file) => ["-c", "-q", "-f", file],
    before: () => "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 1h\n  timeout server 1h\n\n",
  },
  nginx: {
    program: "nginx",
    args: (file, home) => ["-t", "-q", "-p", home, "-e", "stderr", "-c", file],
    before: async (home) => `${await streamModule() ?? ""}\nevents {}\npid ${home}/nginx.pid;\n`,
  },
};

/** Every replacement must be on the page: what is not there was forgotten when the page changed. */
function replaced(text: string, replacements: Replacements): string {
  return Object.entries(replacements).reduce((changed, [from, to]) => {
    assert.ok(changed.includes(from), `${from} is not on the page`);
    return changed.replaceAll(from, to);
  }, text);
}
