/** `sluice status`: a proxy at one moment. */

import type { ServiceView, StatusView, UpstreamView } from "../../admin/views.ts";
import { amountOf } from "../../runtime/control/amount.ts";
import { formatAge } from "../format/age.ts";
import { formatBytes } from "../format/bytes.ts";
import { endpointState, openOf } from "../format/figures.ts";
import { printable } from "../format/printable.ts";
import { type Column, tableLines } from "../format/table.ts";
import { type AdminCommand, JSON_OPTION, printJson } from "./command.ts";

interface Overview {
  readonly status: StatusView;
  readonly services: readonly ServiceView[];
  readonly upstreams: readonly UpstreamView[];
}

const SERVICES: readonly Column[] = [
  { title: "SERVICE", align: "left" },
  { title: "STATE", align: "left" },
  { title: "OPEN", align: "right" },
  { title: "TOTAL", align: "right" },
  { title: "FAILED", align: "right" },
  { title: "REFUSED", align: "right" },
  { title: "UPLOAD", align: "right" },
  { title: "DOWNLOAD", align: "right" },
  { title: "LISTEN", align: "left" },
];

const ENDPOINTS: readonly Column[] = [
  { title: "UPSTREAM", align: "left" },
  { title: "ENDPOINT", align: "left" },
  { title: "STATE", align: "left" },
  { title: "OPEN", align: "right" },
  { title: "CONNECTS", align: "right" },
  { title: "FAILURES", align: "right" },
  { title: "WEIGHT", align: "left" },
];

const CERTIFICATES: readonly Column[] = [
  { title: "SERVICE", align: "left" },
  { title: "CERTIFICATE", align: "left" },
  { title: "EXPIRES", align: "left" },
  { title: "IN", align: "right" },
];

export const command: AdminCommand<{ json: boolean }> = {
  kind: "inspect",
  summary: "print services, upstreams and certificates",
  description: "Prints the state of a running proxy: its services, upstreams and certificates.",
  options: [JSON_OPTION],
  parse: (options) => ({ json: options.has("json") }),
  async run(client, { json }) {
    const [status, services, upstreams] = await Promise.all([
      client.status(),
      client.services(),
      client.upstreams(),
    ]);
    const overview = { status, services, upstreams };
    if (json) printJson(overview);
    else console.log(statusText(overview, Date.now()));
  },
};

/** `now` in milliseconds since 1970. */
function statusText({ status, services, upstreams }: Overview, now: number): string {
  const parts = [
    programLines(status, now),
    tableLines(SERVICES, services.map(serviceRow)),
    tableLines(ENDPOINTS, upstreams.flatMap(endpointRows)),
  ];
  const certificates = services.flatMap((service) => certificateRows(service, now));
  if (certificates.length > 0) parts.push(tableLines(CERTIFICATES, certificates));
  return parts.map((lines) => lines.join("\n")).join("\n\n");
}

function programLines(status: StatusView, now: number): string[] {
  const { version, deno, pid, threads, started_at, state, ready, not_ready, connections } = status;
  const age = formatAge(now - Date.parse(started_at));
  const readiness = ready
    ? "ready"
    : `not ready (${not_ready.map(printable).join("; ") || "no reason given"})`;
  return [
    `sluice ${printable(version)} (deno ${printable(deno)}), pid ${pid}, ${amountOf(threads, "thread")}, ` +
    `started ${age} ago`,
    `${state}, ${readiness}, ${openOf(connections.active, connections.limit)} ${
      connections.active === 1 && connections.limit === null ? "connection" : "connections"
    } open`,
  ];
}

function serviceRow({ name, state, connections, bytes, listen }: ServiceView): string[] {
  return [
    name,
    state,
    openOf(connections.active, connections.limit),
    String(connections.total),
    String(connections.failed),
    String(connections.refused),
    formatBytes(bytes.upload),
    formatBytes(bytes.download),
    listen.join(", "),
  ];
}

function endpointRows({ name, endpoints }: UpstreamView): string[][] {
  if (endpoints.length === 0) return [[name, "(none)"]];
  return endpoints.map((endpoint) => [
    name,
    endpoint.address,
    endpointState(endpoint),
    openOf(endpoint.active, endpoint.max_connections),
    String(endpoint.connects),
    String(endpoint.failures),
    `${endpoint.weight}${endpoint.backup ? " (backup)" : ""}`,
  ]);
}

function certificateRows({ name, tls }: ServiceView, now: number): string[][] {
  return (tls?.certificates ?? []).map(({ subject, names, expires_at }) => {
    const left = Date.parse(expires_at) - now;
    return [
      name,
      subject || names.join(", "),
      expires_at.slice(0, 10),
      left > 0 ? formatAge(left) : "EXPIRED",
    ];
  });
}
