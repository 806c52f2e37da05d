/** Finds TLS settings that contradict each other, or the service they belong to. */

import { entriesAt, findAt, keysAt, listenersAt, nodeSettingsAt, type Path, settingAt } from "./found.ts";
import type { Report } from "../input/report.ts";

/** `true` as the file or a variable gives it. */
const ON: ReadonlySet<unknown> = new Set([true, "true"]);

/** Adds what is wrong with the TLS of one service towards its clients. */
export function findTlsConflicts(service: Path, report: Report): void {
  const tls = [...service, "tls"];
  if (keysAt(tls, report) === undefined) return;
  findCertificateConflicts(tls, report);
  const auth = report.valueAt([...tls, "client_auth"]);
  if ((auth === "require" || auth === "request") && report.valueAt([...tls, "client_ca"]) === undefined) {
    const missing = report.spellPath([...tls, "client_ca"]);
    report.add([...tls, "client_auth"], `Cannot check certificates of clients without ${missing}`);
  }
  findProtocolsNeverSpoken(service, tls, report);
  findEngineConflicts(service, tls, report);
}

/** There is either a list of certificates, or `cert` and `key`. */
function findCertificateConflicts(tls: Path, report: Report): void {
  const list = [...tls, "certificates"];
  const beside = ["cert", "key"].map((key) => [...tls, key])
    .filter((path) => report.valueAt(path) !== undefined);
  if (report.valueAt(list) !== undefined) {
    for (const path of beside) {
      report.add(path, `Cannot be set together with ${report.spellPath(list)}: move it there`);
    }
  } else if (beside.length === 0) {
    report.add(tls, "Expected cert and key, or certificates with a list of these, got neither");
  } else findHalfCertificate(tls, report);
}

/** A certificate needs its key, and a key its certificate. */
export function findHalfCertificate(path: Path, report: Report): void {
  const has = (key: string) => report.valueAt([...path, key]) !== undefined;
  if (has("cert") === has("key")) return;
  const [missing, what] = has("cert")
    ? ["key", "the private key of cert"]
    : ["cert", "the certificate that key is for"];
  report.addMissing([...path, missing], `expected the path of a file with ${what}`);
}

/** The handshake picks one of the offered protocols, so a route for any other matches no client. */
function findProtocolsNeverSpoken(service: Path, tls: Path, report: Report): void {
  const list = [...tls, "alpn"];
  const offered = report.valueAt(list) === undefined ? [] : protocolsAt(list, report);
  if (offered === undefined) return;
  const routes = report.valueAt([...service, "routes"]);
  for (const index of Array.isArray(routes) ? routes.keys() : []) {
    const path = [...service, "routes", index, "alpn"];
    const wanted = protocolsAt(path, report);
    if (wanted === undefined || wanted.length === 0) continue;
    if (wanted.some((protocol) => offered.includes(protocol))) continue;
    report.add(
      path,
      `Cannot be reached: ${report.spellPath(list)} offers none of these protocols`,
    );
  }
}

/** One protocol or a list of them; undefined when there is none, or when some of it cannot be read. */
function protocolsAt(path: Path, report: Report): string[] | undefined {
  const values = entriesAt(path, report).map((entry) => report.valueAt(entry));
  return values.every((value) => typeof value === "string") ? values : undefined;
}

/** `seamless` is the former name of `engine`. */
function findEngineConflicts(service: Path, tls: Path, report: Report): void {
  const [engine, seamless] = [[...tls, "engine"], [...tls, "seamless"]];
  const old = report.valueAt(seamless);
  if (report.valueAt(engine) === "deno") findNeedsOfNode(service, tls, engine, report);
  if (old === undefined) return;
  if (report.valueAt(engine) !== undefined) {
    report.add(
      seamless,
      `Cannot be set together with ${report.spellPath(engine)}, its replacement: leave seamless out`,
    );
    return;
  }
  const isOff = old === false || old === "false";
  if (isOff) findNeedsOfNode(service, tls, seamless, report);
  report.warn(
    seamless,
    `Write "engine: ${isOff ? "deno" : "node"}" instead, the next release does not read this key`,
  );
}

/**
 * Deno.listenTls has one certificate, no client certificates, no oldest version and no keepalive, listens on TCP alone,
 * reads the first byte itself, and does not report the server name (SNI).
 */
function findNeedsOfNode(service: Path, tls: Path, key: Path, report: Report): void {
  const has = (path: Path) => report.valueAt(path) !== undefined;
  const certificates = report.valueAt([...tls, "certificates"]);
  const routes = report.valueAt([...service, "routes"]);
  const names = (Array.isArray(routes) ? routes : []).map((_, index) => [...service, "routes", index, "sni"]);
  const version = findAt([...tls, "min_version"], report, (text) => text);
  const socket = listenersAt(service, report).find(({ value }) => value[0]?.transport === "unix");
  const keepalive = settingAt(service, "keepalive", report);
  const needs: (Path | undefined)[] = [
    Array.isArray(certificates) && certificates.length > 1 ? [...tls, "certificates", 1] : undefined,
    has([...tls, "client_ca"]) ? [...tls, "client_ca"] : undefined,
    version?.value === "1.3" ? version.path : undefined,
    socket?.path,
    has([...service, "accept_proxy_protocol"]) ? [...service, "accept_proxy_protocol"] : undefined,
    ...nodeSettingsAt(service, report),
    keepalive !== undefined && ON.has(report.valueAt(keepalive)) ? keepalive : undefined,
    ...names.filter(has).slice(0, 1),
  ];
  for (const need of needs.filter((path) => path !== undefined)) {
    report.add(
      key,
      `Cannot be ${report.valueAt(key)} with ${report.spellPath(need)}, which needs node:tls: ` +
        `leave ${String(key.at(-1))} out`,
    );
  }
}
