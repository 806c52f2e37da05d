/** A real IMAP server. */

import type { KeyPair } from "../../support/certificates.ts";
import type { Needs } from "../../support/interop.ts";
import { Home } from "../../support/servers/server_home.ts";
import type { RunningServer } from "../../support/servers/server_process.ts";

export const DOVECOT: Needs = {
  needs: ["dovecot", "openssl"],
  install: "apt-get install dovecot-imapd openssl",
};

/** Of every user. */
export const PASSWORD = "secret";

export interface DovecotOptions {
  /** With TLS, it takes passwords only inside. */
  readonly tls?: KeyPair | undefined;
  /** More about its users, such as `allow_nets=10.0.0.0/8`. */
  readonly users?: string;
  /** More lines of its configuration. */
  readonly lines?: readonly string[];
}

export async function startDovecot(
  stack: AsyncDisposableStack,
  { tls, users = "", lines = [] }: DovecotOptions = {},
): Promise<RunningServer> {
  const home = stack.use(await Home.make("dovenull"));
  const [user, group] = await Promise.all(
    ["-un", "-gn"].map(async (option) => (await home.run("id", [option])).text.trim()),
  );
  const files = tls === undefined
    ? "ssl = no\ndisable_plaintext_auth = no"
    : `ssl = required\nssl_cert = <${await home.copy(tls.cert, "cert.pem")}\nssl_key = <${await home.copy(
      tls.key,
      "key.pem",
    )}`;
  return stack.use(
    await home.start((port) => {
      const path = `${home.path}/${port}.conf`;
      Deno.writeTextFileSync(
        path,
        configuration(home.path, port, { user: user!, group: group!, files, users, lines: lines.join("\n") }),
      );
      return {
        program: "dovecot",
        args: ["-F", "-c", path],
        port,
        ready: /starting up for imap/,
        stop: "SIGTERM",
      };
    }),
  );
}

function configuration(
  home: string,
  port: number,
  { user, group, files, users, lines }: Record<"user" | "group" | "files" | "users" | "lines", string>,
) {
  return `
protocols = imap
listen = 127.0.0.1
base_dir = ${home}/run
log_path = /dev/stderr
default_internal_user = ${user}
default_internal_group = ${group}
default_login_user = ${user}
first_valid_uid = 1
mail_location = maildir:${home}/mail
${files}
passdb {
  driver = static
  args = password=${PASSWORD} ${users}
}
userdb {
  driver = static
  args = uid=${user} gid=${group} home=${home}/%u
}
service anvil {
  chroot =
}
service imap-login {
  chroot =
  inet_listener imap {
    port = ${port}
  }
  inet_listener imaps {
    port = 0
  }
}
service stats {
  unix_listener stats-writer {
    mode = 0666
  }
}
${lines}
`;
}
