/** Starts MariaDB, and its command line client. */

import { Home } from "../../support/servers/server_home.ts";
import { findProgram, type Output, run } from "../../support/interop.ts";
import type { NetworkNamespace } from "./network_namespace.ts";
import type { RunningServer } from "../../support/servers/server_process.ts";

export const MARIADB = {
  needs: ["mariadbd", "mariadb-install-db", "mariadb"],
  install: "apt-get install mariadb-server",
};
export const MARIADB_AND_SLAP = { ...MARIADB, needs: [...MARIADB.needs, "mariadb-slap"] };

/** The user that may log in from everywhere, without a password. */
const USER = "interop";

export interface MariaDbOptions {
  /** More arguments of the server. */
  readonly args?: string[];
  /** Where it runs; on this machine's 127.0.0.1 unless given. In a namespace it looks up the names of its clients. */
  readonly namespace?: NetworkNamespace;
}

export class MariaDb {
  readonly port: number;
  readonly #socket: string;

  private constructor(server: RunningServer, socket: string) {
    this.port = server.port;
    this.#socket = socket;
  }

  /** Starts it in a home of its own on `stack`. */
  static async start(
    stack: AsyncDisposableStack,
    { args = [], namespace }: MariaDbOptions = {},
  ): Promise<MariaDb> {
    const home = stack.use(await Home.make("mysql"));
    const directories = ["--no-defaults", `--datadir=${home.path}/data`, `--tmpdir=${home.path}`];
    await home.run("mariadb-install-db", [
      ...directories,
      "--skip-name-resolve",
      "--auth-root-authentication-method=normal",
    ]);
    const socket = `${home.path}/mariadb.sock`;
    const place = namespace === undefined
      ? ["--bind-address=127.0.0.1", "--skip-name-resolve"]
      : [`--bind-address=${namespace.far}`, "--user=mysql"];
    const serverArgs = [
      ...directories,
      `--socket=${socket}`,
      `--pid-file=${home.path}/mariadb.pid`,
      "--innodb-flush-log-at-trx-commit=0",
      "--gdb", // so that Ctrl-C in the terminal of the tests ends it too
      ...place,
      ...args,
    ];
    const server = await home.start((port) => ({
      port,
      ready: /ready for connections/,
      stop: "SIGKILL",
      ...commandIn(namespace, "mariadbd", [...serverArgs, `--port=${port}`]),
    }), { asRoot: namespace !== undefined });
    const mariadb = new MariaDb(stack.use(server), socket);
    await mariadb.direct(`CREATE USER ${USER}@'%'; GRANT ALL ON *.* TO ${USER}@'%'`);
    return mariadb;
  }

  /** Runs statements as root over the unix socket; the output has tabs between columns, and no names of them. */
  async direct(statements: string): Promise<string> {
    const args = ["--no-defaults", `--socket=${this.#socket}`, "--user=root", ...PLAIN];
    return (await run("mariadb", args, { input: statements })).text;
  }
}

const PLAIN = ["--batch", "--skip-column-names"];

/** How a client program reaches the server behind a port of this machine. */
export function to(port: number): string[] {
  return [
    "--no-defaults",
    "--protocol=tcp",
    "--host=127.0.0.1",
    `--port=${port}`,
    `--user=${USER}`,
    "--skip-ssl",
  ];
}

/** Logs in, runs statements and logs out. Throws when any of that fails. */
export function session(port: number, statements: string): Promise<Output> {
  return run("mariadb", [...to(port), ...PLAIN], { input: statements });
}

function commandIn(namespace: NetworkNamespace | undefined, program: string, args: string[]) {
  return namespace === undefined ? { program, args } : namespace.command(findProgram(program)!, args);
}
