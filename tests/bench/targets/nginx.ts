/** nginx in both its roles here: stream proxy (a target) and tiny HTTP server (an upstream). */
import { about, NGINX } from "./programs.ts";
import type { Place } from "./proxies.ts";
import type { Processes, Started } from "../processes.ts";

/** The load_module line for stream: "" when it is built in, null when this nginx has none. */
export async function streamModule(): Promise<string | null> {
  const build = await about(NGINX) ?? "";
  if (/--with-stream(\s|$)/.test(build)) return "";
  const path = `${/--modules-path=(\S+)/.exec(build)?.[1]}/ngx_stream_module.so`;
  try {
    await Deno.stat(path);
    return `load_module ${path};`;
  } catch {
    return null;
  }
}

/** Starts an nginx with one process, in the foreground, with all of its files in the temporary directory. */
export async function startNginx(
  processes: Processes,
  name: string,
  body: string,
  main = "",
): Promise<Started> {
  const prefix = await Deno.makeTempDir({ dir: processes.dir });
  const config = `${main}
    daemon off; master_process off; worker_processes 1;
    pid nginx.pid;
    events { worker_connections 16384; }
    ${body}`;
  await Deno.writeTextFile(`${prefix}/nginx.conf`, config);
  // Without -e it opens a log in /var/log before it reads the configuration.
  return processes.start(name, NGINX.command, ["-p", prefix, "-e", "stderr", "-c", `${prefix}/nginx.conf`]);
}

/**
 * The proxy. Its buffer has the size of haproxy's here: 16k, its own, is for web pages.
 * TCP_NODELAY is on by itself.
 */
export function streamProxy({ port, upstream, certificate }: Place): string {
  const tls = certificate === null
    ? ""
    : `ssl_certificate ${certificate.cert}; ssl_certificate_key ${certificate.key}; ssl_protocols TLSv1.3;`;
  return `stream { server {
    listen 127.0.0.1:${port} ${certificate === null ? "" : "ssl "}backlog=4096; ${tls}
    proxy_pass 127.0.0.1:${upstream}; proxy_buffer_size 64k; } }`;
}

/** A server with one small answer and one request per connection. */
export function smallHttp(port: number | string): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((each) =>
    `${each}_temp_path tmp_${each};`
  );
  return `http { access_log off; keepalive_timeout 0; ${temporary.join(" ")}
    server { listen 127.0.0.1:${port} backlog=4096; location / { return 200 "hello\\n"; } } }`;
}
