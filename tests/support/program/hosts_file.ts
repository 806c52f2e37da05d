/** A hosts file that only one program sees, and that a test can change while the program runs. Needs Linux and unshare. */

/** Starts a program that can change what is mounted for itself alone. */
const UNSHARE = ["unshare", "--map-root-user", "--mount"] as const;

export class HostsFile implements AsyncDisposable {
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
  }

  /** @param hosts Addresses by name. */
  static async create(hosts: Readonly<Record<string, readonly string[]>>): Promise<HostsFile> {
    const file = new HostsFile(await Deno.makeTempFile());
    await file.set(hosts);
    return file;
  }

  /** Whether programs can have one here. */
  static async isPossible(): Promise<boolean> {
    try {
      const [command, ...args] = [...UNSHARE, "mount", "--bind", "/etc/hosts", "/etc/hosts"] as const;
      const { success } = await new Deno.Command(command, { args, stdout: "null", stderr: "null" }).output();
      return success;
    } catch {
      return false;
    }
  }

  /** The command that goes before that of the program. */
  get wrapper(): string[] {
    return [...UNSHARE, "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', this.#path];
  }

  /** Other addresses: the next lookup finds them. */
  async set(hosts: Readonly<Record<string, readonly string[]>>): Promise<void> {
    const lines = Object.entries(hosts).flatMap(([name, all]) =>
      all.map((address) => `${address} ${name}\n`)
    );
    await Deno.writeTextFile(this.#path, lines.join(""));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#path);
  }
}
