/** Builds a supervisor with its shared memory, logs, and the threads that relay. */

import type { Config } from "../../config/config.ts";
import { EventFeed } from "../../observe/events/event_feed.ts";
import type { ProgramLog } from "../../observe/log/log.ts";
import { ActivatedSockets } from "../../net/socket/activation.ts";
import { ConnectionSpans } from "../../observe/telemetry/connection_spans.ts";
import { canShare } from "../../net/socket/reserve.ts";
import { AccessOutput } from "../files/access_output.ts";
import { HeartbeatMonitor } from "../../shared/heartbeat.ts";
import { RelayThread } from "../worker/relay_thread.ts";
import { type Room, SharedMemory } from "./shared_memory.ts";
import { Supervisor, type SupervisorParts } from "./supervisor.ts";
import type { Report, SupervisorCalls } from "../worker/thread_calls.ts";
import { Threads, type ThreadSlot } from "./threads.ts";
import { DiscoveryFiles } from "../files/discovery_files.ts";
import { ListFiles } from "../files/list_files.ts";
import { TlsFiles } from "../files/tls_files.ts";
import { WorkerSlot } from "../worker/worker_slot.ts";

/** The number of threads of a configuration; one where threads cannot share an address. */
function threadsOf({ workers }: Pick<Config, "workers">): number {
  if (!canShare()) return 1;
  return workers === "auto" ? navigator.hardwareConcurrency : workers;
}

/** Events of threads that concern the whole process. */
export interface ProcessEvents {
  /** A client of any thread found no descriptor left. */
  readonly onShortage: () => void;
  /**
   * A thread's event loop is stuck. Deno cannot terminate a thread in the middle of a turn, so its sockets stay open,
   * including its listeners, to which the kernel keeps sending clients. Only the end of the process closes them.
   */
  readonly onHung: (thread: number) => void;
}

/** What the parts of a proxy share. Threads and supervisor need each other, so they are there once all is built. */
interface Parts
  extends Pick<SupervisorParts, "log" | "access" | "events" | "memory" | "sockets" | "threads"> {
  readonly process: ProcessEvents;
  readonly supervisor: Supervisor;
}

/** The supervisor of a proxy; nothing listens yet. @param takesOver Another sluice listens on its addresses. */
export function buildSupervisor(
  config: Config,
  log: ProgramLog,
  process: ProcessEvents = { onShortage() {}, onHung() {} },
  takesOver = false,
  room?: Room,
): Supervisor {
  const parts: Parts = {
    log,
    access: new AccessOutput(log),
    events: new EventFeed(
      (error) =>
        log.error("A reader of events failed", { event: "event_reader_failed", detail: String(error) }),
      (isSubscribed) => threads.all.setSubscribed(isSubscribed),
    ),
    memory: new SharedMemory(config, threadsOf(config), room),
    sockets: new ActivatedSockets(),
    process,
    get threads() {
      return threads;
    },
    get supervisor() {
      return supervisor;
    },
  };
  const { access, events, memory, sockets } = parts;
  const threads = memory.threads === 1 ? new Threads([localSlot(parts)]) : workerThreads(parts);
  const supervisor: Supervisor = new Supervisor(config, {
    log,
    access,
    events,
    memory,
    sockets,
    threads,
    takesOver,
    tlsFiles: new TlsFiles({ log, onChange: (files) => supervisor.setTls(files) }),
    listFiles: new ListFiles({ log, onChange: (contents) => threads.all.setLists(contents) }),
    discoveryFiles: new DiscoveryFiles(),
  });
  return supervisor;
}

/** What a thread asks of the others, of the groups and of the process. */
function callsOf(thread: number, parts: Parts): SupervisorCalls {
  const groupOf = (name: string) => parts.supervisor.groups.find((group) => group.name === name);
  return {
    connectionFailed: (group, endpoint, failure) => groupOf(group)?.connectionFailed(endpoint, failure),
    evictIdle: (group, endpoint) => parts.threads.others(thread).evictIdle(group, endpoint),
    stickFailed: (group, endpoint, tried, reason) => {
      groupOf(group)?.stickFailed(endpoint, tried, reason);
      return Promise.resolve();
    },
    freed: (gauge) => parts.threads.others(thread).wake(gauge),
    duplicate: (address) => Promise.resolve(parts.sockets.duplicate(address)),
    descriptorsShort: parts.process.onShortage,
  };
}

function workerThreads(parts: Parts): Threads {
  const { log, access, events, memory, process } = parts;
  const reports = (batch: readonly Report[]) => {
    for (const report of batch) {
      if (report.kind === "log") log[report.level](report.message, report.fields);
      else if (report.kind === "access") access[report.level](report.message, report.fields);
      else events.forward(report.event);
    }
  };
  const slots = Array.from({ length: memory.threads }, (_, thread) =>
    new WorkerSlot(thread, {
      log,
      supervisor: { ...callsOf(thread, parts), reports },
      start: () => memory.startOf(thread),
      reclaimWorker: () => parts.supervisor.reclaimWorker(thread),
      refreshed: () => parts.supervisor.plan(),
      onReplaced: (replacement) => replacement.setSubscribed(events.isSubscribed),
    }));
  const onUnresponsive = (thread: number) => {
    // A replacement would get only some of the clients: the kernel would send the others to the hung thread.
    parts.threads.retire();
    slots[thread]!.restart("it does not respond");
    process.onHung(thread);
  };
  return new Threads(slots, new HeartbeatMonitor(memory.heartbeats, slots, onUnresponsive));
}

/** The one thread of a proxy without workers: this one, with the supervisor's own log and events. */
function localSlot(parts: Parts): ThreadSlot {
  const { log, access: accessFile, events, memory } = parts;
  const thread = new RelayThread(memory.startOf(0), {
    log,
    accessFile,
    events,
    supervisor: callsOf(0, parts),
    spans: ConnectionSpans.ifActive(),
    setLevel() {},
    setSubscribed() {},
    flush() {},
  });
  return {
    thread,
    restarts: 0,
    prepare: (listeners) => thread.prepare(listeners),
    commit: (_listeners, plan) => thread.commit(plan),
    retire() {},
    terminate() {},
  };
}
