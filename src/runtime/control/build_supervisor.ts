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
import type { Reporter } from "../worker/reporter.ts";
import { type Room, SharedMemory } from "./shared_memory.ts";
import { Supervisor } from "./supervisor.ts";
import type { Report, SupervisorCalls, ThreadStart } from "../worker/thread_calls.ts";
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

/** The supervisor of a proxy; nothing listens yet. @param takesOver Another sluice listens on its addresses. */
export function buildSupervisor(
  config: Config,
  log: ProgramLog,
  { onShortage, onHung }: ProcessEvents = { onShortage() {}, onHung() {} },
  takesOver = false,
  room?: Room,
): Supervisor {
  const memory = new SharedMemory(config, threadsOf(config), room);
  const sockets = new ActivatedSockets();
  const access = new AccessOutput(log);
  const events: EventFeed = new EventFeed(
    (error) =>
      log.error("A reader of events failed", { event: "event_reader_failed", detail: String(error) }),
    (isSubscribed) => threads.all.setSubscribed(isSubscribed),
  );
  const callsOf = (thread: number): SupervisorCalls => ({
    connectionFailed: (group, endpoint, failure) =>
      supervisor.groups.find(({ name }) => name === group)?.connectionFailed(endpoint, failure),
    evictIdle: (group, endpoint) => threads.others(thread).evictIdle(group, endpoint),
    stickFailed: (group, endpoint, tried, reason) => {
      supervisor.groups.find(({ name }) => name === group)?.stickFailed(endpoint, tried, reason);
      return Promise.resolve();
    },
    freed: (gauge) => threads.others(thread).wake(gauge),
    duplicate: (address) => Promise.resolve(sockets.duplicate(address)),
    descriptorsShort: onShortage,
  });
  const reports = (batch: readonly Report[]) => {
    for (const report of batch) {
      if (report.kind === "log") log[report.level](report.message, report.fields);
      else if (report.kind === "access") access[report.level](report.message, report.fields);
      else events.forward(report.event);
    }
  };
  const startWorker = (thread: number) =>
    new WorkerSlot(thread, {
      log,
      supervisor: { ...callsOf(thread), reports },
      start: () => memory.startOf(thread),
      reclaimWorker: () => supervisor.reclaimWorker(thread),
      refreshed: () => supervisor.plan(),
      onReplaced: (replacement) => replacement.setSubscribed(events.isSubscribed),
    });
  const startWorkers = () => {
    const slots = Array.from({ length: memory.threads }, (_, thread) => startWorker(thread));
    const onUnresponsive = (thread: number) => {
      // A replacement would get only some of the clients: the kernel would send the others to the hung thread.
      threads.retire();
      slots[thread]!.restart("it does not respond");
      onHung(thread);
    };
    return new Threads(slots, new HeartbeatMonitor(memory.heartbeats, slots, onUnresponsive));
  };
  const threads: Threads = memory.threads === 1
    ? new Threads([localSlot(memory.startOf(0), { log, accessFile: access, events, supervisor: callsOf(0) })])
    : startWorkers();
  const tlsFiles = new TlsFiles({ log, onChange: (files) => supervisor.setTls(files) });
  const listFiles = new ListFiles({ log, onChange: (contents) => threads.all.setLists(contents) });
  const parts = {
    log,
    access,
    events,
    tlsFiles,
    listFiles,
    discoveryFiles: new DiscoveryFiles(),
    memory,
    threads,
    sockets,
    takesOver,
  };
  const supervisor: Supervisor = new Supervisor(config, parts);
  return supervisor;
}

/** The one thread of a proxy without workers: this one, with the supervisor's own log and events. */
function localSlot(
  start: ThreadStart,
  reporter: Omit<Reporter, "spans" | "setLevel" | "setSubscribed" | "flush">,
): ThreadSlot {
  const spans = ConnectionSpans.ifActive();
  const thread = new RelayThread(start, {
    ...reporter,
    spans,
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
