/** A real PostgreSQL server, and the arguments of its clients. */

import type { KeyPair } from "../../support/certificates.ts";
import { Home } from "../../support/servers/server_home.ts";
import type { RunningServer } from "../../support/servers/server_process.ts";

export const POSTGRES = { needs: ["initdb", "postgres", "psql"], install: "apt-get install postgresql" };
export const POSTGRES_WITH_TLS = {
  needs: [...POSTGRES.needs, "openssl"],
  install: "apt-get install postgresql openssl",
};
export const POSTGRES_AND_PGBENCH = { ...POSTGRES_WITH_TLS, needs: [...POSTGRES_WITH_TLS.needs, "pgbench"] };

/** The user of every database. */
const USER = "test";

export interface PostgresOptions {
  readonly tls?: KeyPair | undefined;
  /** The lines of pg_hba.conf; `trust` for all unless given. */
  readonly access?: readonly string[];
  /** Of the only user. */
  readonly password?: string;
}

export async function startPostgres(
  stack: AsyncDisposableStack,
  { tls, access = ["host all all all trust"], password }: PostgresOptions = {},
): Promise<RunningServer> {
  const home = stack.use(await Home.make("postgres"));
  const data = `${home.path}/data`;
  await home.run("initdb", ["--no-sync", "--no-locale", "--auth=trust", `--username=${USER}`, "-D", data]);
  const settings = { hba_file: `${home.path}/hba.conf`, ssl: tls === undefined ? "off" : "on" };
  await Deno.writeTextFile(settings.hba_file, `local all all trust\n${access.join("\n")}\n`);
  const files = tls === undefined ? {} : {
    ssl_cert_file: await home.copy(tls.cert, "server.crt"),
    ssl_key_file: await home.copy(tls.key, "server.key"),
  };
  const more = Object.entries({ ...settings, ...files }).flatMap(([key, value]) => ["-c", `${key}=${value}`]);
  const server = stack.use(
    await home.start((port) => ({
      program: "postgres",
      args: ["-D", data, "-h", "127.0.0.1", "-p", `${port}`, "-k", home.path, "-F", ...more],
      port,
      ready: /database system is ready to accept connections/,
      stop: "SIGQUIT",
    })),
  );
  if (password !== undefined) {
    const sql = `ALTER USER ${USER} PASSWORD '${password}'`;
    const connection = [`--host=${home.path}`, `--port=${server.port}`, `--username=${USER}`];
    await home.run("psql", [...connection, ...BARE, `--command=${sql}`, "postgres"]);
  }
  return server;
}

/** The options with which a client reaches this port. */
export function to(port: number): string[] {
  return ["--host=127.0.0.1", `--port=${port}`, `--username=${USER}`];
}

/** The arguments with which psql prints the bare result of a statement. */
export function query(port: number, sql: string): string[] {
  return [...to(port), ...BARE, `--command=${sql}`, "postgres"];
}

/** The same with a connection string, such as `sslmode=require`. */
export function queryWith(port: number, settings: string, sql: string): string[] {
  const own = `hostaddr=127.0.0.1 port=${port} user=${USER} dbname=postgres connect_timeout=20`;
  return [...BARE, `--command=${sql}`, `--dbname=${own} ${settings}`];
}

const BARE = ["--no-psqlrc", "--tuples-only", "--no-align"];
