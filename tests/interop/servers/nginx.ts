/** Starts nginx. */

import { join } from "node:path";
import { Home } from "../../support/servers/server_home.ts";
import { findProgram, type Needs, run } from "../../support/interop.ts";
import type { RunningServer } from "../../support/servers/server_process.ts";

export const NGINX: Needs = { needs: ["nginx"], install: "apt-get install nginx libnginx-mod-stream" };

/** A server that answers every request with the addresses of the PROXY header: client, then server. */
export function echoHeader(port: number): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  const addresses = ["", "_server"].map((each) => `$proxy_protocol${each}_addr:$proxy_protocol${each}_port`);
  return `http {
    access_log off;
    ${temporary.map((each) => `${each}_temp_path tmp_${each};`).join(" ")}
    server { listen 127.0.0.1:${port} proxy_protocol; location / { return 200 "${addresses.join(" ")}"; } }
  }`;
}

/** A proxy that sends the header in version 1, the only one that nginx can send. */
export function sendHeader(port: number, upstream: number): string {
  return `stream {
    server { listen 127.0.0.1:${port}; proxy_pass 127.0.0.1:${upstream}; proxy_protocol on; }
  }`;
}

/** Whether it has the stream proxy, which is a module of its own in some packages. */
export async function hasStream(): Promise<boolean> {
  return findProgram("nginx") !== undefined && (await streamModule()) !== undefined;
}

/** Starts it in a home of its own on `stack`, with the body of its configuration, given the port to bind. */
export async function startNginx(
  stack: AsyncDisposableStack,
  body: (port: number) => string,
): Promise<RunningServer> {
  const home = stack.use(await Home.make("www-data"));
  const modules = (await streamModule()) ?? "";
  return stack.use(
    await home.start((port) => {
      const path = join(home.path, `${port}.conf`);
      const main = `${modules}
        daemon off; master_process off; worker_processes 1; error_log stderr notice;
        pid ${join(home.path, "nginx.pid")}; events { }`;
      Deno.writeTextFileSync(path, `${main}\n${body(port)}\n`);
      // Without -e it opens a log of the system first.
      const args = ["-p", home.path, "-e", "stderr", "-c", path];
      return { program: "nginx", args, port, ready: /using the "\w+" event method/, stop: "SIGTERM" };
    }),
  );
}

/** The directive that loads the stream module: "" where the module is built in, undefined where there is none. */
export async function streamModule(): Promise<string | undefined> {
  const { stderr } = await run("nginx", ["-V"]);
  if (/--with-stream(\s|$)/.test(stderr)) return "";
  const path = `${/--modules-path=(\S+)/.exec(stderr)?.[1]}/ngx_stream_module.so`;
  try {
    await Deno.stat(path);
    return `load_module ${path};`;
  } catch {
    return undefined;
  }
}
