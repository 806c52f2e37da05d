/** A running sluice whose configuration file a test can replace. */

import { join } from "node:path";
import { Admin } from "./admin.ts";
import { type LoggedEvent, Sluice, type StartOptions } from "./program.ts";

export class Reloadable implements AsyncDisposable {
  readonly sluice: Sluice;
  readonly admin: Admin;
  readonly path: string;
  readonly #directory: string;
  #reloads = 0;

  private constructor(sluice: Sluice, directory: string) {
    this.sluice = sluice;
    this.admin = new Admin(sluice);
    this.#directory = directory;
    this.path = join(directory, "sluice.yaml");
  }

  /** Starts with these services and settings; it logs JSON and has an admin interface. */
  static async start(yaml: string, options: StartOptions = {}): Promise<Reloadable> {
    const directory = await Deno.makeTempDir();
    await Deno.writeTextFile(join(directory, "sluice.yaml"), withAdmin(yaml));
    return new Reloadable(await Sluice.start(["-c", join(directory, "sluice.yaml")], options), directory);
  }

  /** Replaces the file as editors do, in one step. */
  async write(yaml: string): Promise<void> {
    await Deno.writeTextFile(`${this.path}.new`, withAdmin(yaml));
    await Deno.rename(`${this.path}.new`, this.path);
  }

  /** Replaces the file and sends SIGHUP; resolves with the line about the result. */
  async reload(yaml: string, outcome: "reloaded" | "reload_refused" = "reloaded"): Promise<LoggedEvent> {
    await this.write(yaml);
    const before = this.sluice.events(outcome).length;
    this.sluice.kill("SIGHUP");
    this.#reloads += 1;
    return (await this.sluice.loggedEvents(outcome, before + 1)).at(-1)!;
  }

  /** The current address of a service. */
  async portOf(service: string): Promise<number> {
    const services = await this.admin.view<{ name: string; listen: string[] }[]>("services");
    return Number(/:(\d+)$/.exec(services.find(({ name }) => name === service)!.listen[0]!)![1]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sluice[Symbol.asyncDispose]();
    await Deno.remove(this.#directory, { recursive: true });
  }
}

function withAdmin(yaml: string): string {
  const log = yaml.includes("log:") ? "" : "log: { format: json }\n";
  const admin = yaml.includes("admin:") ? "" : 'admin: { listen: "127.0.0.1:0" }\n';
  return log + admin + yaml;
}
