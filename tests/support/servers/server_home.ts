/** Where a real server lives during a test: a temporary directory, and an account that is not root. */

import { type Output, run } from "../interop.ts";
import { RunningServer, type ServerCommand } from "./server_process.ts";

/** The user and group of a program, as `Deno.Command` takes them. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** Attempts to start a server: another program may take the port that was free a moment before. */
const ATTEMPTS = 3;

export class Home implements AsyncDisposable {
  readonly path: string;
  readonly #account: Account | undefined;

  private constructor(path: string, account: Account | undefined) {
    this.path = path;
    this.#account = account;
  }

  /** A new directory. Tests run by root give it to `user`, or else the account nobody: servers refuse to be run by root. */
  static async make(user: string): Promise<Home> {
    const account = Deno.uid() === 0 ? await findAccount([user, "nobody"]) : undefined;
    const path = await Deno.makeTempDir({ prefix: "sluice-interop-" });
    if (account) await Deno.chown(path, account.uid, account.gid);
    return new Home(path, account);
  }

  /** Copies a file here, readable by the account alone. Returns its path. */
  async copy(from: string, name: string): Promise<string> {
    const path = `${this.path}/${name}`;
    await Deno.copyFile(from, path);
    await Deno.chmod(path, 0o600);
    if (this.#account) await Deno.chown(path, this.#account.uid, this.#account.gid);
    return path;
  }

  /** Runs a program here, to its end. */
  run(program: string, args: string[]): Promise<Output> {
    return run(program, args, this.#options());
  }

  /**
   * Starts a server here, on a port that is free, and waits until it serves. `asRoot` is for those that become
   * another user by themselves.
   */
  async start(
    command: (port: number) => ServerCommand,
    { asRoot = false }: { asRoot?: boolean } = {},
  ): Promise<RunningServer> {
    const options = asRoot ? { cwd: this.path } : this.#options();
    for (let attempt = 1;; attempt++) {
      try {
        return await RunningServer.start(command(freePort()), options);
      } catch (error) {
        if (attempt === ATTEMPTS || !/address already in use/i.test(`${error}`)) throw error;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }

  #options() {
    return { cwd: this.path, ...this.#account ? { account: this.#account } : {} };
  }
}

/** The first of these users that exists. */
export async function findAccount(names: string[]): Promise<Account> {
  const users = (await Deno.readTextFile("/etc/passwd")).split("\n").map((line) => line.split(":"));
  for (const name of names) {
    const user = users.find(([each]) => each === name);
    if (user) return { uid: Number(user[2]), gid: Number(user[3]) };
  }
  throw new Error(`Cannot find a user for the server: none of ${names.join(", ")} exists`);
}

/** A port that is free now; another program may take it. */
export function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}
