/** A real SSH server, and its client. */

import { Home } from "../../support/servers/server_home.ts";
import type { RunningServer } from "../../support/servers/server_process.ts";

export const SSH = { needs: ["sshd", "ssh", "ssh-keygen"], install: "apt-get install openssh-server" };

export interface SshServer {
  readonly server: RunningServer;
  /** Runs a command there by way of this port; returns what it prints. */
  login(port: number, command: string): Promise<string>;
}

/** Starts it for the account that runs it: no other account can log in. */
export async function startSsh(stack: AsyncDisposableStack): Promise<SshServer> {
  // Root would need /run/sshd, and the account needs a shell.
  const home = stack.use(await Home.make("postgres"));
  for (const name of ["host", "key"]) {
    await home.run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", `${home.path}/${name}`]);
  }
  const { text } = await home.run("id", ["-un"]);
  const options = [
    "ListenAddress=127.0.0.1",
    "PidFile=none",
    "StrictModes=no",
    "UsePAM=no",
    `AuthorizedKeysFile=${home.path}/key.pub`,
  ];
  const server = stack.use(
    await home.start((port) => ({
      program: "sshd",
      args: ["-D", "-e", "-f", "/dev/null", "-p", `${port}`, "-h", `${home.path}/host`].concat(
        options.flatMap((option) => ["-o", option]),
      ),
      port,
      ready: /Server listening on/,
      stop: "SIGTERM",
    })),
  );
  const client = ["-F", "none", "-i", `${home.path}/key`, "-o", "BatchMode=yes"].concat(
    ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"],
  );
  return {
    server,
    login: async (port, command) =>
      (await home.run("ssh", [...client, "-p", `${port}`, `${text.trim()}@127.0.0.1`, command])).text,
  };
}
