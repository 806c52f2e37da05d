/** The values of all metrics. */

import denoJson from "../../../deno.json" with { type: "json" };
import type { AcmeFigures } from "../../observe/metrics/acme_metrics.ts";
import type { MetricsSnapshot, ReloadFigures } from "../../observe/metrics/metrics.ts";
import { processFigures } from "../../observe/metrics/process_figures.ts";
import type { ServiceSnapshot } from "../../observe/metrics/service_metrics.ts";
import type { TlsFiles } from "../files/tls_files.ts";
import type { ServiceController } from "./service_controller.ts";
import type { Supervisor } from "./supervisor.ts";
import { upstreamSnapshots } from "./upstream_snapshots.ts";

/**
 * @param reload Undefined before the first configuration is in effect.
 * @param acme Of certificates that are ordered.
 */
export function metricsSnapshot(
  supervisor: Supervisor,
  reload: ReloadFigures | undefined,
  acme: readonly AcmeFigures[],
): MetricsSnapshot {
  const { memory, threads, tlsFiles, listFiles, log, access } = supervisor.parts;
  return {
    version: denoJson.version,
    deno: Deno.version.deno,
    threads: threads.count,
    threadRestarts: threads.restarts,
    process: processFigures(),
    counted: memory.accounts.program.figures(),
    connectionLimit: supervisor.config.limits.connections,
    services: supervisor.services.map((service) => serviceSnapshot(service, tlsFiles)),
    upstreams: upstreamSnapshots(supervisor),
    lists: listFiles.figures,
    acme,
    reload,
    droppedLines: { program: log.dropped, access: access.dropped },
  };
}

function serviceSnapshot(service: ServiceController, tlsFiles: TlsFiles): ServiceSnapshot {
  const { config } = service;
  return {
    name: service.name,
    counted: service.counted(),
    connectionLimit: config.limits.connections,
    hasMirror: config.mirror !== undefined,
    // Several routes may have the same file.
    certificates: [
      ...new Map(tlsFiles.of(config.name)?.certificates.map((each) => [each.path, each])).values(),
    ]
      .map(({ path, credentials: { expiresAt } }) => ({ path, expiresAt: expiresAt.getTime() })),
    crls: (tlsFiles.of(config.name)?.revocations ?? []).filter(({ expiresAt }) => expiresAt < Infinity),
    faults: service.faults.states.map(({ config: { name }, applied }) => ({ name, applied })),
  };
}
