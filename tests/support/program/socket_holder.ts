/** Stands in for a service manager that holds listening sockets and passes them to one program after the other. */

import { join } from "node:path";
import { LineReader } from "../peers/line_reader.ts";

/** Binds `NAME=tcp`, `NAME=unix:PATH` and `NAME=udp`, prints ports, and sends the descriptors to each client. */
const HOLDER = `
import json, os, socket, sys
control, *specs = sys.argv[1:]
held, ports = [], {}
for spec in specs:
    name, kind = spec.split("=", 1)
    if kind.startswith("unix:"):
        one = socket.socket(socket.AF_UNIX); one.bind(kind[5:])
    else:
        one = socket.socket(type=socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
        one.bind(("127.0.0.1", 0)); ports[name] = one.getsockname()[1]
    if kind != "udp": one.listen(4096)
    held.append((name, one))
server = socket.socket(socket.AF_UNIX); server.bind(control); server.listen()
print(json.dumps(ports), flush=True)
while True:
    program, _ = server.accept()
    socket.send_fds(program, [":".join(name for name, _ in held).encode()], [one.fileno() for _, one in held])
    program.close()
`;

/** Becomes the program in its arguments, with those descriptors from 3 on: sd_listen_fds(3). */
const PASS = `
import os, socket, sys
control, *command = sys.argv[1:]
client = socket.socket(socket.AF_UNIX); client.connect(control)
names, held, _, _ = socket.recv_fds(client, 65536, 64)
client.close()
high = [os.dup2(fd, 100 + index) for index, fd in enumerate(held)]
for index, fd in enumerate(high): os.dup2(fd, 3 + index)
for fd in high: os.close(fd)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(held)), LISTEN_FDNAMES=names.decode())
os.execvp(command[0], command)
`;

export class SocketHolder implements AsyncDisposable {
  /** The ports of its TCP sockets. */
  readonly ports: Readonly<Record<string, number>>;
  /** Goes before the command of a program that gets the sockets. */
  readonly wrapper: readonly string[];
  readonly #child: Deno.ChildProcess;
  readonly #stdout: LineReader;

  private constructor(
    child: Deno.ChildProcess,
    stdout: LineReader,
    ports: Record<string, number>,
    control: string,
  ) {
    this.#child = child;
    this.#stdout = stdout;
    this.ports = ports;
    this.wrapper = ["python3", "-c", PASS, control];
  }

  /** @param sockets Such as `web=tcp` and `db=unix:/run/db.sock`. */
  static async hold(folder: string, ...sockets: string[]): Promise<SocketHolder> {
    const control = join(folder, "holder.sock");
    const child = new Deno.Command("python3", {
      args: ["-c", HOLDER, control, ...sockets],
      stdin: "null",
      stdout: "piped",
    }).spawn();
    const stdout = new LineReader(child.stdout);
    const ports = JSON.parse(await stdout.find(() => true));
    return new SocketHolder(child, stdout, ports, control);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await Promise.all([this.#child.status, this.#stdout.done]);
  }
}
