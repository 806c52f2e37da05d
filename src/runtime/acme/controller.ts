/** The certificates that a running proxy orders, and the addresses where it answers checks over HTTP. */

import { isDeepStrictEqual } from "node:util";
import { sleep } from "../../net/timers/sleep.ts";
import type { AcmeConfig, Config } from "../../config/config.ts";
import type { Problem } from "../../config/config_error.ts";
import { writeFault } from "../../files/file_fault.ts";
import { withRemedy } from "../../files/permission_fault.ts";
import { type Address, formatAddress } from "../../net/address.ts";
import type { Log } from "../../observe/log/log.ts";
import { refusal, type Refused } from "../files/config_source.ts";
import { AcmeServer, type OpenFetch, openFetch } from "./acme_server.ts";
import { CertificateTask, type CertificateTaskFigures, type Clock } from "./certificate_task.ts";
import { HttpAnswers } from "./http_answers.ts";
import { type AcmeSection, acmeSections } from "./sections.ts";
import { AcmeStorage } from "./storage.ts";

export interface AcmeControllerOptions {
  readonly log: Log;
  /** Whether another sluice still listens on its addresses; false unless given. */
  readonly takesOver?: () => boolean;
  /** Called when the file of a certificate has another one. */
  readonly onChange: () => Promise<unknown>;
  readonly clock?: Clock;
  readonly open?: OpenFetch;
}

/** What a configuration needs; disposing of it without {@linkcode PreparedAcme.commit} changes nothing. */
export interface PreparedAcme extends AsyncDisposable {
  commit(): void;
}

const REAL_CLOCK: Clock = { now: () => Date.now(), sleep, random: () => Math.random() };

export class AcmeController {
  readonly #options: Required<AcmeControllerOptions>;
  /** By the file of the certificate. */
  #tasks = new Map<string, CertificateTask>();
  /** By the address as it is configured. */
  #answers = new Map<string, HttpAnswers>();
  /** What is ending. */
  #ending: Promise<unknown> = Promise.resolve();

  constructor(options: AcmeControllerOptions) {
    this.#options = { clock: REAL_CLOCK, open: openFetch, takesOver: () => false, ...options };
  }

  get figures(): CertificateTaskFigures[] {
    return this.#tasks.values().map((task) => task.figures).toArray();
  }

  /**
   * Makes folders and binds addresses for a configuration. Certificates are ordered once it is committed.
   *
   * @throws {ConfigError} when a folder cannot be made.
   * @throws {AdminListenError} when an address cannot be bound.
   */
  async prepare(
    config: Pick<Config, "services">,
    source?: Refused,
  ): Promise<PreparedAcme> {
    const { log, takesOver } = this.#options;
    const sections = acmeSections(config);
    await makeFolders(sections, source);
    const bound = new Map<string, HttpAnswers>();
    const discard = async () => {
      await Promise.all([...bound.values()].map((answers) => answers[Symbol.asyncDispose]()));
      bound.clear();
    };
    const wanted = addressesOf(sections);
    try {
      for (const [text, { address, path, storages }] of wanted) {
        if (this.#answers.has(text)) continue;
        bound.set(
          text,
          await HttpAnswers.listen(`${path}.http`, { address, storages, log, takesOver: takesOver() }),
        );
      }
    } catch (error) {
      await discard();
      throw error;
    }
    return {
      commit: () => {
        this.#useAddresses(wanted, bound);
        bound.clear();
        this.#useTasks(sections);
      },
      [Symbol.asyncDispose]: discard,
    };
  }

  /** Tries again now what has failed before, and looks at the files. */
  retry(): void {
    for (const task of this.#tasks.values()) task.retry();
  }

  /** Cancels orders in progress. */
  async stop(): Promise<void> {
    const tasks = [...this.#tasks.values()].map((task) => task.stop());
    const answers = [...this.#answers.values()].map((each) => each[Symbol.asyncDispose]());
    this.#tasks.clear();
    this.#answers.clear();
    await Promise.all([...tasks, ...answers, this.#ending]);
  }

  #useAddresses(wanted: ReturnType<typeof addressesOf>, bound: ReadonlyMap<string, HttpAnswers>): void {
    const before = this.#answers;
    this.#answers = new Map();
    for (const [text, { storages }] of wanted) {
      const answers = before.get(text) ?? bound.get(text)!;
      answers.storages = storages;
      this.#answers.set(text, answers);
      if (!before.has(text)) {
        this.#options.log.info(`Answering checks of ACME servers on ${formatAddress(answers.address)}`, {
          event: "acme_listening",
          listen: formatAddress(answers.address),
        });
      }
    }
    for (const [text, answers] of before) if (!wanted.has(text)) this.#end(answers[Symbol.asyncDispose]());
  }

  #useTasks(sections: readonly AcmeSection[]): void {
    const before = this.#tasks;
    this.#tasks = new Map();
    for (const { file, acme } of sections) {
      // Several services may have the same.
      if (this.#tasks.has(file)) continue;
      const known = before.get(file);
      if (known !== undefined && isDeepStrictEqual(known.acme, acme)) this.#tasks.set(file, known);
      else {
        if (known !== undefined) this.#end(known.stop());
        this.#tasks.set(file, this.#begin(file, acme));
      }
    }
    for (const [file, task] of before) if (!this.#tasks.has(file)) this.#end(task.stop());
  }

  #begin(file: string, acme: AcmeConfig): CertificateTask {
    const { log, clock, open, onChange } = this.#options;
    return new CertificateTask({
      acme,
      file,
      storage: new AcmeStorage(acme),
      server: new AcmeServer({ acme, log, clock, open }),
      log,
      clock,
      owner: ownName(),
      onChange,
    });
  }

  #end(ending: Promise<unknown>): void {
    this.#ending = Promise.all([this.#ending, ending]);
  }
}

/** For people, who may have to find the process: `web-1 4711`. */
function ownName(): string {
  const { state } = Deno.permissions.querySync({ name: "sys", kind: "hostname" });
  return state === "granted" ? `${Deno.hostname()} ${Deno.pid}` : `process ${Deno.pid}`;
}

async function makeFolders(
  sections: readonly AcmeSection[],
  source: Refused | undefined,
): Promise<void> {
  const problems: Problem[] = [];
  for (const { path, acme } of sections) {
    try {
      await new AcmeStorage(acme).prepare();
    } catch (error) {
      const why = withRemedy(writeFault(error, acme.storage));
      problems.push({ path: `${path}.storage`, message: `Cannot use "${acme.storage}": ${why}` });
    }
  }
  if (problems.length > 0) throw await refusal(problems, source);
}

interface Answering {
  readonly address: Address;
  /** Of the first `acme` that names it. */
  readonly path: string;
  readonly storages: readonly string[];
}

/** The addresses for checks over HTTP, each once. */
function addressesOf(sections: readonly AcmeSection[]): ReadonlyMap<string, Answering> {
  const found = new Map<string, Answering>();
  for (const { path, acme: { http: address, storage } } of sections) {
    if (address === undefined) continue;
    const text = formatAddress(address);
    const { storages = [], ...first } = found.get(text) ?? { address, path };
    found.set(text, { ...first, storages: [...new Set([...storages, storage])] });
  }
  return found;
}
