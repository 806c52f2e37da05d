/** Orders certificates where a configuration asks for it; loads no more code than this where none does. */

import type { Config } from "../../config/config.ts";
import type { AcmeFigures } from "../../observe/metrics/acme_metrics.ts";
import type { Log } from "../../observe/log/log.ts";
import type { ConfigSource } from "../files/config_source.ts";
import type { AcmeController, PreparedAcme } from "./controller.ts";
import { acmeSections } from "./sections.ts";

export interface AcmeOptions {
  readonly log: Log;
  /** Called when the file of a certificate has another one. */
  readonly onChange: () => Promise<unknown>;
  /** Whether another sluice still listens on its addresses; false unless given. */
  readonly takesOver?: () => boolean;
}

export class Acme {
  readonly #options: AcmeOptions;
  #controller: AcmeController | undefined;

  constructor(options: AcmeOptions) {
    this.#options = options;
  }

  get figures(): readonly AcmeFigures[] {
    return this.#controller?.figures ?? [];
  }

  /** See {@linkcode AcmeController.prepare}. */
  async prepare(config: Config, source: ConfigSource | undefined): Promise<PreparedAcme> {
    if (this.#controller === undefined) {
      if (acmeSections(config).length === 0) return NOTHING;
      const { AcmeController } = await import("./controller.ts");
      this.#controller = new AcmeController(this.#options);
    }
    return await this.#controller.prepare(config, source);
  }

  retry(): void {
    this.#controller?.retry();
  }

  async stop(): Promise<void> {
    await this.#controller?.stop();
  }
}

const NOTHING: PreparedAcme = { commit() {}, [Symbol.asyncDispose]: () => Promise.resolve() };
