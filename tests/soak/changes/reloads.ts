/** Reloads: each with a change; now and then several at once, with new certificates, or with a mistake. */

import type { ServiceView } from "../../../src/admin/views.ts";
import type { Admin } from "../../support/program/admin.ts";
import type { CertificateAuthority, KeyPair } from "../../support/certificates.ts";
import { becomes } from "../clock.ts";
import type { Incidents } from "../verdict/incidents.ts";
import type { WatchedProgram } from "../../support/program/watched_program.ts";
import type { Random } from "../../support/random.ts";
import { EXTRAS, type Settings } from "./settings.ts";

/** A reload takes effect and is logged within this time, in milliseconds. */
const PATIENCE = 10_000;

export interface ReloadsParts {
  readonly program: WatchedProgram;
  readonly admin: Admin;
  readonly settings: Settings;
  readonly incidents: Incidents;
  readonly authority: CertificateAuthority;
  /** The files to replace. */
  readonly certificate: KeyPair;
  /** The configuration file. */
  readonly path: string;
  readonly random: Random;
  readonly onWrong: (what: string) => void;
}

export class Reloads {
  readonly #parts: ReloadsParts;
  readonly #ends = new Map<string, (now?: number) => void>();
  #addresses = new Map<string, string>();
  /** The number of reloads. */
  count = 0;
  /** The number of certificates issued so far, besides the first. */
  #issued = 0;
  refused = 0;

  constructor(parts: ReloadsParts) {
    this.#parts = parts;
    for (const name of EXTRAS) this.#ends.set(name, parts.incidents.begin("absent", name));
  }

  /** The address of a service that reloads add and remove; undefined while it is removed. */
  addressOf(extra: string): string | undefined {
    return this.#addresses.get(extra);
  }

  /** Makes the next reload. Resolves when it has taken effect. */
  async next(): Promise<void> {
    const { random, settings } = this.#parts;
    if (random.chance(0.08)) return await this.#makeMistake();
    if (random.chance(0.12)) await this.#replaceCertificate();
    const changes = [settings.change(random)];
    if (random.chance(0.06)) {
      // Like an editor that saves a file repeatedly.
      for (let more = random.integer(1, 4); more > 0; more--) {
        this.#noteAbsent();
        await this.#write(settings.text());
        this.#parts.program.kill("SIGHUP");
        this.count += 1;
        changes.push(settings.change(random));
      }
    }
    await this.#reload(changes.join(", "));
  }

  /** Restores the initial configuration. */
  async reset(): Promise<void> {
    this.#parts.settings.reset();
    await this.#reload("what was at the beginning");
  }

  async #reload(what: string): Promise<void> {
    const { program, admin, settings, random, onWrong } = this.#parts;
    this.#noteAbsent();
    await this.#write(settings.text());
    this.count += 1;
    if (random.chance(0.7)) program.kill("SIGHUP");
    else {
      const { status, text } = await admin.ask("POST", "/api/v1/reload");
      if (status !== 200) onWrong(`POST /api/v1/reload (${what}): ${status} ${text}`);
    }
    const isThere = await becomes(async () => await this.#version() === settings.idleTimeout, PATIENCE);
    if (!isThere) onWrong(`A reload had no effect within ${PATIENCE / 1000} s: ${what}`);
    await this.#findExtras();
    await this.#findCertificate();
  }

  async #makeMistake(): Promise<void> {
    const { program, admin, settings, random, onWrong } = this.#parts;
    const before = program.count("reload_refused");
    const mistaken = settings.mistaken(random);
    await this.#write(mistaken);
    this.count += 1;
    this.refused += 1;
    if (random.chance(0.7)) program.kill("SIGHUP");
    else {
      const { status, text } = await admin.ask("POST", "/api/v1/reload");
      if (status !== 422) onWrong(`POST /api/v1/reload of a mistake: ${status} ${text}`);
    }
    if (!await becomes(() => program.count("reload_refused") > before, PATIENCE)) {
      onWrong(`A mistake was not refused:\n${mistaken}`);
    }
    if (await this.#version() !== settings.idleTimeout) {
      onWrong(`A mistake has changed something:\n${mistaken}`);
    }
    await this.#write(settings.text());
  }

  /**
   * Replaces both files in one turn. If sluice reads them in between, it keeps the old ones, and must notice the second
   * file.
   */
  async #replaceCertificate(): Promise<void> {
    const { authority, certificate, incidents } = this.#parts;
    this.#issued += 1;
    const fresh = await authority.issue({ name: `soak-${this.#issued}.test`, names: ["IP:127.0.0.1"] });
    incidents.note("replaced", "native");
    for (const key of ["cert", "key"] as const) Deno.renameSync(fresh[key], certificate[key]);
  }

  async #write(text: string): Promise<void> {
    const { path } = this.#parts;
    await Deno.writeTextFile(`${path}.new`, text);
    await Deno.rename(`${path}.new`, path);
  }

  /** The settings of the service "plain" in the configuration in effect. */
  async #version(): Promise<string> {
    interface Shown {
      readonly services: readonly { readonly name: string; readonly idle_timeout?: string }[];
    }
    const { services } = await this.#parts.admin.view<Shown>("config");
    return services.find(({ name }) => name === "plain")?.idle_timeout ?? "";
  }

  /** Before the file is written. */
  #noteAbsent(): void {
    const { settings, incidents } = this.#parts;
    for (const name of EXTRAS) {
      if (settings.extras.has(name) || this.#ends.has(name)) continue;
      this.#ends.set(name, incidents.begin("absent", name));
      this.#addresses.delete(name);
    }
  }

  /** The newest certificate must be in use, at once or soon. */
  async #findCertificate(): Promise<void> {
    if (this.#issued === 0) return;
    const { admin, onWrong } = this.#parts;
    const name = `soak-${this.#issued}.test`;
    const isInUse = await becomes(async () => {
      const services = await admin.view<readonly ServiceView[]>("services");
      const withTls = services.filter(({ tls }) => tls !== null);
      return withTls.length > 0 && withTls.every(({ tls }) => tls!.certificates[0]!.subject.includes(name));
    }, PATIENCE);
    if (!isInUse) onWrong(`The certificate of ${name} is not in use after ${PATIENCE / 1000} s`);
  }

  async #findExtras(): Promise<void> {
    const { admin, settings } = this.#parts;
    const services = await admin.view<{ name: string; listen: string[] }[]>("services");
    const extras = services.filter(({ name }) => settings.extras.has(name));
    this.#addresses = new Map(extras.map(({ name, listen }) => [name, listen[0]!]));
    for (const name of this.#addresses.keys()) {
      this.#ends.get(name)?.();
      this.#ends.delete(name);
    }
  }
}
