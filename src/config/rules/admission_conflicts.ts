/** Finds access lists and limits that cannot hold. */

import { findAt, type Found, listenersAt, nodeSettingsAt, type Path } from "./found.ts";
import type { Report } from "../input/report.ts";

/** Limits that are kept for each client address. */
const PER_CLIENT = ["connections_per_client", "connects_per_second_per_client"];

/** Adds what is wrong with the access lists and limits of one service. */
export function findAdmissionConflicts(service: Path, report: Report): void {
  findUselessWait([...service, "limits"], report);
  findWaitOnNode(service, report);
  // With a PROXY header, it is the address in the header that counts.
  if (report.valueAt([...service, "accept_proxy_protocol"]) !== undefined) return;
  const socket = listenersAt(service, report).find(({ value }) => value[0]?.transport === "unix");
  if (socket !== undefined) findListsWithoutAddress(service, socket, report);
}

function findUselessWait(limits: Path, report: Report): void {
  const connections = [...limits, "connections"];
  const isUnlimited = report.valueAt(connections) === undefined ||
    findAt(connections, report, Number)?.value === 0;
  if (report.valueAt([...limits, "when_full"]) !== "wait" || !isUnlimited) return;
  const missing = report.spellPath(connections);
  report.add(
    [...limits, "when_full"],
    `Clients can only wait at a limit of connections: set ${missing}`,
  );
}

/** To let clients wait, a listener must stop accepting; a listener of node:net cannot. */
function findWaitOnNode(service: Path, report: Report): void {
  const when = [...service, "limits", "when_full"];
  if (report.valueAt(when) !== "wait") return;
  const [cause] = nodeSettingsAt(service, report);
  if (cause === undefined) return;
  const what = `${report.spellPath(cause)} needs node:net, whose listener cannot stop accepting`;
  report.add(when, `Cannot let clients wait here: ${what}`);
}

/** Clients on a unix socket have no address to compare with a list or to count by. */
function findListsWithoutAddress(service: Path, socket: Found<unknown>, report: Report): void {
  const where = `${report.show(socket.path)} (${report.spellPath(socket.path)})`;
  for (const key of ["allow", "deny"]) {
    const own = [...service, key];
    const shared = ["defaults", key];
    if (report.valueAt(own) === undefined && hasEntries(shared, report)) {
      const list = report.spellPath(shared);
      const remedy = `they have no address, write "${key}: []" here`;
      report.add(own, `Cannot check clients of ${where} against ${list}: ${remedy}`);
    } else if (hasEntries(own, report)) {
      report.add(own, `Cannot check clients of ${where} by address: they have none`);
    }
  }
  for (const key of PER_CLIENT) {
    const path = [...service, "limits", key];
    if (report.valueAt(path) === undefined || findAt(path, report, Number)?.value === 0) continue;
    report.add(path, `Cannot limit each client of ${where}: they have no address`);
  }
}

function hasEntries(path: Path, report: Report): boolean {
  const value = report.valueAt(path);
  return typeof value === "string" || Array.isArray(value) && value.length > 0;
}
