/** Everything that a soak needs: directories, certificates, upstreams, and sluice itself. */

import { join } from "node:path";
import { Admin } from "../support/program/admin.ts";
import { CertificateAuthority } from "../support/certificates.ts";
import { Findings } from "./verdict/findings.ts";
import { WatchedProgram } from "../support/program/watched_program.ts";
import { MEMBERS, SERVICES, Settings } from "./changes/settings.ts";
import { Reports, Upstream } from "./changes/upstreams.ts";

/** Clients never connect from the addresses of upstreams, so that no other socket gets the port of one that is down. */
const HOST = "127.0.0.2";

export class Fixture implements AsyncDisposable {
  readonly #cleanUp = new AsyncDisposableStack();
  readonly findings: Findings;
  readonly reports = new Reports();
  directory!: string;
  authority!: CertificateAuthority;
  /** The authority's certificate, in PEM. */
  authorityCertificate!: string;
  certificate!: { readonly cert: string; readonly key: string };
  settings!: Settings;
  program!: WatchedProgram;
  admin!: Admin;
  readonly upstreams = new Map<string, Upstream>();

  private constructor(findings: Findings) {
    this.findings = findings;
  }

  /** Resolves when sluice is ready. */
  static async start(workers: number, findings: Findings): Promise<Fixture> {
    const fixture = new Fixture(findings);
    try {
      await fixture.#start(workers);
    } catch (error) {
      await fixture[Symbol.asyncDispose]();
      throw error;
    }
    return fixture;
  }

  get configPath(): string {
    return join(this.directory, "sluice.yaml");
  }

  get accessLog(): string {
    return join(this.directory, "logs", "access.log");
  }

  get members(): Upstream[] {
    return MEMBERS.map((name) => this.upstreams.get(name)!);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanUp.disposeAsync();
  }

  async #start(workers: number): Promise<void> {
    this.directory = await Deno.makeTempDir({ prefix: "sluice-soak-" });
    this.#cleanUp.defer(() => Deno.remove(this.directory, { recursive: true }));
    for (const name of ["certificates", "logs"]) await Deno.mkdir(join(this.directory, name));
    await this.#makeCertificate();
    await this.#startUpstreams();
    this.settings = new Settings({
      workers,
      certificate: this.certificate,
      accessLog: this.accessLog,
      socketPath: join(this.directory, "soak.sock"),
      upstream: (name) => this.upstreams.get(name)!.address,
    });
    await Deno.writeTextFile(this.configPath, this.settings.text());
    this.program = await WatchedProgram.start(
      this.configPath,
      (line) => this.findings.add(`sluice has logged: ${line}`),
    );
    this.#cleanUp.defer(async () => {
      this.program.kill("SIGKILL");
      await this.program.ended;
    });
    this.admin = new Admin(this.program);
  }

  async #makeCertificate(): Promise<void> {
    this.authority = this.#cleanUp.use(await CertificateAuthority.create("Soak"));
    this.authorityCertificate = await Deno.readTextFile(this.authority.cert);
    const issued = await this.authority.issue({ name: "soak.test", names: ["IP:127.0.0.1"] });
    this.certificate = {
      cert: join(this.directory, "certificates", "soak.pem"),
      key: join(this.directory, "certificates", "soak.key"),
    };
    await Deno.rename(issued.cert, this.certificate.cert);
    await Deno.rename(issued.key, this.certificate.key);
  }

  async #startUpstreams(): Promise<void> {
    for (const name of [...SERVICES.filter((each) => each !== "trio"), "extra", ...MEMBERS]) {
      const upstream = new Upstream({
        name,
        host: HOST,
        takesHeader: name === "header",
        reports: this.reports,
        onWrong: (what) => this.findings.add(what),
      });
      await upstream.listen();
      this.#cleanUp.defer(() => upstream.stop());
      this.upstreams.set(name, upstream);
    }
  }
}
