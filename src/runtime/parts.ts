/** What a proxy is made of, put together from its configuration. */

import type { Config, GroupConfig } from "../config/config.ts";
import type { AccessFile } from "../observe/access_file.ts";
import { AccessLog } from "../observe/access_log.ts";
import { Accounts } from "../observe/accounts.ts";
import { EventFeed } from "../observe/event_feed.ts";
import { EventLoopDelay } from "../observe/event_loop_delay.ts";
import { GaugeTable } from "../observe/gauge.ts";
import { ServiceLedger } from "../observe/ledger.ts";
import type { Log } from "../observe/log.ts";
import { OpenConnections } from "../observe/open_connections.ts";
import { CountLimit } from "../proxy/count_limit.ts";
import { Service } from "../proxy/service.ts";
import { Group } from "../upstream/group.ts";
import { openAccessFile } from "./process_log.ts";
import { TlsFiles } from "./tls_files.ts";

/** Endpoints that connections can be counted for, those that come and go in DNS included. */
const MAX_ENDPOINTS = 4096;

export interface Parts {
  readonly log: Log;
  readonly accessFile: AccessFile | undefined;
  readonly tlsFiles: TlsFiles;
  readonly accounts: Accounts;
  readonly connections: OpenConnections;
  readonly events: EventFeed;
  readonly eventLoopDelay: EventLoopDelay;
  readonly groups: readonly Group[];
  readonly services: readonly Service[];
}

/**
 * Reads and opens what a configuration names, and makes what works by it. Nothing listens yet.
 *
 * @throws {ConfigError} when certificates or keys cannot be used.
 * @throws {LogFileError} when the access log cannot be opened.
 */
export async function buildParts(config: Config, log: Log, file: string | undefined): Promise<Parts> {
  const { access } = config.log;
  const accessFile = await openAccessFile(access, log);
  const tlsFiles = await openTlsFiles(config, log, file, accessFile);
  const accounts = new Accounts({
    services: config.services.length,
    upstreams: config.upstreams.length,
    endpoints: MAX_ENDPOINTS,
    threads: 1,
  });
  // An endpoint has two: its clients, and all that is open there.
  const gauges = new GaugeTable(2 * MAX_ENDPOINTS + config.services.length + 1);
  const all = new CountLimit(gauges.claim()!, config.limits.connections);
  const connections = new OpenConnections();
  const events = new EventFeed((error) =>
    log.error("A reader of events failed", { event: "event_reader_failed", detail: String(error) })
  );
  const groups = new Map<GroupConfig, Group>(
    config.upstreams.map((group) => [group, new Group(group, { gauges, accounts, events, log })]),
  );
  const services = config.services.map((service) =>
    new Service(service, {
      groups,
      ledger: new ServiceLedger(service.name, { row: accounts.services.claim()!, connections }),
      accessLog: new AccessLog(accessFile ?? log, { sample: access.sample }),
      events,
      gauge: gauges.claim()!,
      all,
      ...tlsFiles.of(service),
      log,
    })
  );
  const eventLoopDelay = new EventLoopDelay(accounts.program.cells.eventLoopDelay);
  return {
    log,
    accessFile,
    tlsFiles,
    accounts,
    connections,
    events,
    eventLoopDelay,
    groups: [...groups.values()],
    services,
  };
}

async function openTlsFiles(
  config: Config,
  log: Log,
  file: string | undefined,
  accessFile: AccessFile | undefined,
): Promise<TlsFiles> {
  try {
    return await TlsFiles.open(config, log, file);
  } catch (error) {
    await accessFile?.close();
    throw error;
  }
}
