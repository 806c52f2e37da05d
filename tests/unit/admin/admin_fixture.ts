/** An admin interface over a fake proxy, and requests to it that no client library would send. */

import assert from "node:assert/strict";
import { parseDuration } from "../../../src/config/values/duration.ts";
import {
  type AdminListenOptions,
  listenAdmin,
  type ListeningAdmin,
} from "../../../src/runtime/admin/listener.ts";
import { type Log, silentLog } from "../../../src/observe/log/log.ts";
import { readAll, writeText } from "../../support/peers/sockets.ts";
import { FakeBackend } from "./fake_backend.ts";

export interface Fixture extends AsyncDisposable {
  readonly server: ListeningAdmin;
  readonly backend: FakeBackend;
  /** `127.0.0.1:40123` */
  readonly host: string;
  readonly url: string;
}

/** The defaults: a free port of 127.0.0.1, no token, a page of two files. */
export async function fixture(options: Partial<AdminListenOptions> = {}): Promise<Fixture> {
  const backend = new FakeBackend();
  const page = new Map([
    ["/", { type: "text/html; charset=utf-8", body: "<!doctype html><title>sluice</title>" }],
    ["/page.js", { type: "text/javascript", body: new TextEncoder().encode("export {};\n") }],
  ]);
  const server = await listenAdmin({
    listen: { transport: "tcp", hostname: "127.0.0.1", port: 0 },
    token: undefined,
    hosts: [],
    maxConnections: 64,
    backend,
    pageFiles: () => Promise.resolve(page),
    parseDuration,
    ...options,
  });
  const host = server.address.transport === "tcp" ? `127.0.0.1:${server.address.port}` : "localhost";
  return { server, backend, host, url: `http://${host}`, [Symbol.asyncDispose]: () => server.close() };
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** Sends a request as it is written, `\n` for line ends, and reads until the server ends the connection. */
export async function ask({ server }: Fixture, request: string): Promise<Answer> {
  using conn = await connectTo(server.address);
  await writeText(conn, request.replaceAll("\n", "\r\n"));
  const text = new TextDecoder().decode(await readAll(conn));
  const [head = "", ...body] = text.split("\r\n\r\n");
  const [statusLine = "", ...lines] = head.split("\r\n");
  const headers = lines.map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  return {
    status: Number(statusLine.split(" ")[1]),
    headers: new Headers(headers),
    text: body.join("\r\n\r\n"),
  };
}

/** Sends a GET with these header lines, besides Connection. */
export function get(path: string, ...lines: string[]): string {
  return [`GET ${path} HTTP/1.1`, ...lines, "Connection: close", "", ""].join("\n");
}

export async function connectTo(address: ListeningAdmin["address"]): Promise<Deno.Conn> {
  return address.transport === "unix"
    ? await Deno.connect({ transport: "unix", path: address.path })
    : await Deno.connect({ hostname: address.hostname, port: address.port });
}

/** The code of an error response, after a check of its form. */
export function codeOf(text: string): string {
  const body = JSON.parse(text);
  assert.deepEqual(Object.keys(body), ["error"]);
  const keys = ["code", "message", ...body.error.code === "bad_fault" ? ["problems"] : []];
  assert.deepEqual(Object.keys(body.error), keys);
  assert.ok(body.error.message.length > 10, body.error.message);
  return body.error.code;
}

/** The result of a request with fetch: its status, the code of its error or "", and its message or text. */
export async function outcome(
  url: string,
  init?: RequestInit,
): Promise<{ status: number; code: string; text: string; headers: Headers }> {
  const response = await fetch(url, init);
  const text = await response.text();
  const isError = response.status >= 400 && text.startsWith('{"error"');
  return {
    status: response.status,
    code: isError ? codeOf(text) : "",
    text: isError ? JSON.parse(text).error.message : text,
    headers: response.headers,
  };
}

/** A request that changes something. */
export function order(method: string, body?: unknown): RequestInit {
  return body === undefined
    ? { method }
    : { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

/** A log that a test can read; `lines` are made as `level message {"field":"value"}`. */
export function recordingLog(): { readonly log: Log; readonly lines: readonly string[] } {
  const lines: string[] = [];
  const at = (level: string): Log["info"] => (message, fields = {}) =>
    void lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
  return { log: { ...silentLog(), info: at("info"), warn: at("warn"), error: at("error") }, lines };
}
