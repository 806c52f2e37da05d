/** `sluice status`: a proxy at one moment. */

import type {
  CertificateView,
  EndpointView,
  ServiceView,
  StatsEvent,
  StatusView,
  UpstreamView,
} from "../../admin/views.ts";
import { amountOf } from "../../config/values/amount.ts";
import { DISCOVERY, discoveryRows } from "../format/discovery_table.ts";
import { endpointState, formatAge, formatBytes, openOf, waitingFor } from "../format/figures.ts";
import { printable } from "../format/printable.ts";
import { type Column, tableLines } from "../format/table.ts";
import { print } from "../output.ts";
import { type AdminCommand, JSON_OPTION, printJson } from "./command.ts";

type Overview = Pick<StatsEvent, "status" | "services" | "upstreams">;

const SERVICES: readonly Column<ServiceView>[] = [
  { title: "SERVICE", cell: ({ name }) => name },
  { title: "STATE", cell: ({ state }) => state },
  { title: "OPEN", cell: ({ connections: { active, limit } }) => openOf(active, limit), align: "right" },
  { title: "TOTAL", cell: ({ connections }) => connections.total, align: "right" },
  { title: "FAILED", cell: ({ connections }) => connections.failed, align: "right" },
  { title: "REFUSED", cell: ({ connections }) => connections.refused, align: "right" },
  { title: "UPLOAD", cell: ({ bytes }) => formatBytes(bytes.upload), align: "right" },
  { title: "DOWNLOAD", cell: ({ bytes }) => formatBytes(bytes.download), align: "right" },
  { title: "LISTEN", cell: ({ listen }) => listen.join(", ") },
];

interface EndpointRow {
  readonly group: UpstreamView;
  /** Undefined for a group without any. */
  readonly endpoint: EndpointView | undefined;
  /** Clients that wait for any endpoint of the group, with its first one. */
  readonly waiting: number;
}

const ENDPOINTS: readonly Column<EndpointRow>[] = [
  { title: "UPSTREAM", cell: ({ group }) => group.name },
  { title: "ENDPOINT", cell: ({ endpoint }) => endpoint?.address ?? "(none)" },
  { title: "STATE", cell: ({ group, endpoint }) => endpoint && endpointState(endpoint, group.stick) },
  { title: "OPEN", cell: ({ endpoint: e }) => e && openOf(e.active, e.max_connections), align: "right" },
  { title: "CONNECTS", cell: ({ endpoint }) => endpoint?.connects, align: "right" },
  { title: "FAILURES", cell: ({ endpoint }) => endpoint?.failures, align: "right" },
  { title: "WEIGHT", cell: ({ endpoint }) => endpoint?.weight, align: "right" },
  { title: "TIER", cell: ({ endpoint }) => endpoint?.tier, align: "right" },
];

/** Shown while clients wait. */
const WAITING: Column<EndpointRow> = {
  title: "WAITING",
  cell: ({ waiting }) => waiting || "",
  align: "right",
};

const CERTIFICATES: readonly Column<CertificateView & { service: string; left: number }>[] = [
  { title: "SERVICE", cell: ({ service }) => service },
  { title: "CERTIFICATE", cell: ({ subject, names }) => subject || names.join(", ") },
  { title: "EXPIRES", cell: ({ expires_at }) => expires_at.slice(0, 10) },
  { title: "IN", cell: ({ left }) => left > 0 ? formatAge(left) : "EXPIRED", align: "right" },
];

export const command: AdminCommand<{ json: boolean }> = {
  kind: "inspect",
  summary: "print services, upstreams and certificates",
  description:
    "Prints the state of a running proxy: its services, upstreams, sources of endpoints and certificates.",
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
    else print(statusText(overview, Date.now()));
  },
};

/** `now` in milliseconds since 1970. */
function statusText({ status, services, upstreams }: Overview, now: number): string {
  const endpoints = upstreams.flatMap((group) => {
    const { endpoints } = group;
    const waiting = waitingFor(group);
    return (endpoints.length === 0 ? [undefined] : endpoints).map((endpoint, index) => ({
      group,
      endpoint,
      waiting: index === 0 ? waiting : 0,
    }));
  });
  const discovery = discoveryRows(upstreams, now);
  const certificates = services.flatMap(({ name: service, tls }) =>
    (tls?.certificates ?? []).map((each) => ({ ...each, service, left: Date.parse(each.expires_at) - now }))
  );
  const parts = [
    programLines(status, now),
    tableLines(SERVICES, services),
    tableLines(endpoints.some(({ waiting }) => waiting > 0) ? [...ENDPOINTS, WAITING] : ENDPOINTS, endpoints),
    ...discovery.length > 0 ? [tableLines(DISCOVERY, discovery)] : [],
    ...certificates.length > 0 ? [tableLines(CERTIFICATES, certificates)] : [],
  ];
  return parts.map((lines) => lines.join("\n")).join("\n\n");
}

function programLines(status: StatusView, now: number): string[] {
  const { version, deno, pid, threads, started_at, state, ready, not_ready } = status;
  const { active, limit } = status.connections;
  const isOne = active === 1 && limit === null;
  const age = formatAge(now - Date.parse(started_at));
  const readiness = ready
    ? "ready"
    : `not ready (${not_ready.map(printable).join("; ") || "no reason given"})`;
  return [
    `sluice ${printable(version)} (deno ${printable(deno)}), pid ${pid}, ${amountOf(threads, "thread")}, ` +
    `started ${age} ago`,
    `${state}, ${readiness}, ${openOf(active, limit)} ${isOne ? "connection" : "connections"} open`,
  ];
}
