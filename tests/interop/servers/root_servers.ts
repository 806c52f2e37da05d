/** Starts servers that only root can start, as they become other users by themselves: postfix and vsftpd. */

import { join } from "node:path";
import type { Needs } from "../../support/interop.ts";
import { findAccount, Home } from "../../support/servers/server_home.ts";
import type { RunningServer } from "../../support/servers/server_process.ts";

export const VSFTPD = forRoot({ needs: ["vsftpd", "socat"], install: "apt-get install vsftpd socat" });
export const POSTFIX = forRoot({ needs: ["postfix"], install: "apt-get install postfix" });

const MASTER = "/usr/lib/postfix/sbin/master";

function forRoot(needs: Needs): Needs {
  return Deno.uid() === 0 ? needs : { needs: ["a test that root runs"], install: "run the tests as root" };
}

/** Starts an SMTP server on 127.0.0.1, on `stack`, that throws messages away, with more lines of main.cf. */
export async function startPostfix(
  stack: AsyncDisposableStack,
  lines: readonly string[] = [],
): Promise<RunningServer> {
  const home = stack.use(await Home.make("root"));
  await Deno.chmod(home.path, 0o755);
  for (const folder of ["conf", "spool", "data"]) await Deno.mkdir(join(home.path, folder));
  const { uid } = await findAccount(["postfix"]);
  await Deno.chown(join(home.path, "data"), uid, null);
  const main = [
    "compatibility_level = 3.6",
    `queue_directory = ${home.path}/spool`,
    `data_directory = ${home.path}/data`,
    "maillog_file = /dev/stdout",
    "myhostname = mail.test",
    "mydestination =",
    "default_transport = discard",
    "alias_maps =",
    "mynetworks = 127.0.0.0/8",
    "smtpd_recipient_restrictions = permit_mynetworks, reject",
    ...lines,
  ];
  const services = [
    "postlog unix-dgram n - n - 1 postlogd",
    "qmgr unix n - n 300 1 qmgr",
    "cleanup unix n - n - 0 cleanup",
    "rewrite unix - - n - - trivial-rewrite",
    ...["bounce", "defer"].map((name) => `${name} unix - - n - 0 bounce`),
    ...["discard", "proxymap", "error"].map((name) => `${name} unix - - n - - ${name}`),
    ...["anvil", "verify"].map((name) => `${name} unix - - n - 1 ${name}`),
  ];
  return stack.use(
    await home.start((port) => {
      const write = (name: string, lines: readonly string[]) =>
        Deno.writeTextFileSync(join(home.path, "conf", name), lines.map((line) => `${line}\n`).join(""));
      write("main.cf", main);
      write("master.cf", [`127.0.0.1:${port} inet n - n - - smtpd`, ...services]);
      // `postfix start-fg` would do the same, but then its child is the one to end.
      const args = ["-euc", `postfix -c "$PWD/conf" check && exec ${MASTER} -c "$PWD/conf" -s`];
      return { program: "sh", args, port, ready: /daemon started/, stop: "SIGTERM" };
    }, { asRoot: true }),
  );
}

/** Starts an FTP server on `stack`, with more lines of its configuration. */
export async function startVsftpd(
  stack: AsyncDisposableStack,
  host = "127.0.0.1",
  lines: readonly string[] = [],
): Promise<RunningServer> {
  const home = stack.use(await Home.make("root"));
  await Deno.mkdir(join(home.path, "empty"));
  const path = join(home.path, "vsftpd.conf");
  const config = ["listen=NO", `secure_chroot_dir=${home.path}/empty`, "seccomp_sandbox=NO", ...lines];
  await Deno.writeTextFile(path, config.map((line) => `${line}\n`).join(""));
  return stack.use(
    // socat says when it listens, vsftpd does not.
    await home.start((port) => ({
      program: "socat",
      args: ["-d", "-d", `TCP-LISTEN:${port},bind=${host},reuseaddr,fork`, `EXEC:vsftpd ${path},nofork`],
      port,
      ready: /listening on/,
      stop: "SIGTERM",
    }), { asRoot: true }),
  );
}
