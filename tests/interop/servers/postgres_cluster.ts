/** A PostgreSQL primary with a standby that follows it, which can be promoted. */

import { Home } from "../../support/servers/server_home.ts";
import type { RunningServer } from "../../support/servers/server_process.ts";

export const POSTGRES_CLUSTER = {
  needs: ["initdb", "postgres", "psql", "pg_basebackup", "pg_ctl"],
  install: "apt-get install postgresql",
};

/** The user of every database. */
const USER = "test";

export class PostgresNode implements AsyncDisposable {
  readonly host: string;
  readonly #home: Home;
  readonly #server: RunningServer;

  private constructor(host: string, home: Home, server: RunningServer) {
    this.host = host;
    this.#home = home;
    this.#server = server;
  }

  /** Starts a primary on `stack`, whose clients need no password. */
  static async primary(stack: AsyncDisposableStack, host = "127.0.0.1"): Promise<PostgresNode> {
    const home = stack.use(await Home.make("postgres"));
    const options = ["--no-sync", "--no-locale", "--auth=trust", `--username=${USER}`];
    await home.run("initdb", [...options, "-D", `${home.path}/data`]);
    return stack.use(await PostgresNode.#start(host, home, /system is ready to accept connections/));
  }

  /** Starts a standby of this primary. */
  async standby(stack: AsyncDisposableStack, host = "127.0.0.1"): Promise<PostgresNode> {
    const home = stack.use(await Home.make("postgres"));
    const from = ["-h", this.host, "-p", `${this.port}`, "-U", USER];
    await home.run("pg_basebackup", [...from, "-D", `${home.path}/data`, "-R", "-c", "fast", "--no-sync"]);
    return stack.use(await PostgresNode.#start(host, home, /ready to accept read.only connections/));
  }

  static async #start(host: string, home: Home, ready: RegExp): Promise<PostgresNode> {
    const server = await home.start((port) => ({
      program: "postgres",
      args: ["-D", `${home.path}/data`, "-h", host, "-p", `${port}`, "-k", home.path, "-F"],
      port,
      ready,
      stop: "SIGQUIT",
    }));
    return new PostgresNode(host, home, server);
  }

  get port(): number {
    return this.#server.port;
  }

  /** The standby becomes a primary. */
  async promote(): Promise<void> {
    await this.#home.run("pg_ctl", ["promote", "-D", `${this.#home.path}/data`]);
  }

  /** Other lines of pg_hba.conf. */
  async setAccess(lines: readonly string[]): Promise<void> {
    await Deno.writeTextFile(
      `${this.#home.path}/data/pg_hba.conf`,
      lines.map((line) => `${line}\n`).join(""),
    );
    await this.query("SELECT pg_reload_conf()");
  }

  /** The bare result of a statement. */
  async query(sql: string): Promise<string> {
    return (await this.#home.run("psql", psqlArgs(this.port, sql, this.host))).text.trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }
}

/** The arguments with which psql prints the bare result of a statement. */
export function psqlArgs(port: number, sql: string, host = "127.0.0.1"): string[] {
  const where = [`--host=${host}`, `--port=${port}`, `--username=${USER}`];
  return [...where, "--no-psqlrc", "--tuples-only", "--no-align", `--command=${sql}`, "postgres"];
}
