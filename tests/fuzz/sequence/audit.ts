/** The end of a sequence: counters and access log must agree with what was done, and with each other. */

import type { ConnectionLine } from "../access_log.ts";
import { type Counts, since } from "../figures.ts";
import type { Scene } from "./scene.ts";
import { lineFault } from "./verdict.ts";
import { Fault } from "./waiting.ts";

/** @param before What was counted at the beginning. @throws {Fault} */
export async function audit(scene: Scene, before: Counts): Promise<void> {
  const { fixture, name } = scene.target;
  const opened = scene.links.length + scene.strays;
  const lines: ConnectionLine[] = [];
  let counts = before;
  await scene.waiting.eventually(
    () =>
      `${opened} connections to be over and logged; counted: ${
        JSON.stringify(counts)
      }, lines: ${lines.length}`,
    async () => {
      counts = since(before, (await fixture.figures()).of(name));
      // Of clients that are not let in, only some have a line, and that may be late.
      lines.push(...fixture.access.take(name).filter(({ event }) => event !== "connection_refused"));
      endServing(scene);
      return counts.active === 0 && counts.atEndpoints === 0 &&
        counts.refused + counts.failed + counts.closed >= opened &&
        lines.length >= counts.failed + counts.closed;
    },
  );
  const ended = counts.refused + counts.failed + counts.closed;
  if (counts.total !== opened || ended !== opened) {
    throw new Fault(`${opened} clients came, ${counts.total} are counted, and ${ended} ends`);
  }
  checkLines(scene, lines, counts);
  if (counts.endpointFailures > 0 && !scene.mayFail) {
    throw new Fault(
      `${counts.endpointFailures} failures of endpoints are counted, which have done nothing`,
    );
  }
}

/** With `reuse`, an upstream that is told of the end by its client's FIN ends too. */
function endServing(scene: Scene): void {
  if (scene.target.row.pool !== "reuse") return;
  for (const link of scene.links) {
    const { upstream } = link;
    if (upstream === undefined || upstream.isGone || upstream.ending === undefined) continue;
    link.act("upstream", "close", true);
    upstream.close();
  }
}

function checkLines(scene: Scene, lines: ConnectionLine[], counts: Counts): void {
  const sum = (field: "bytes_from_client" | "bytes_from_upstream") =>
    lines.reduce((total, line) => total + (line[field] ?? 0), 0);
  const [upload, download] = [sum("bytes_from_client"), sum("bytes_from_upstream")];
  if (upload !== counts.upload || download !== counts.download) {
    throw new Fault(
      `the log has ${upload} bytes up and ${download} down, the counters ${counts.upload} and ${counts.download}: ` +
        JSON.stringify(lines),
    );
  }
  const left = [...lines];
  for (const link of scene.links) {
    const isIts = ({ client, id }: ConnectionLine) =>
      link.name === undefined ? id === link.id : client === link.name;
    const at = left.findIndex(isIts);
    if (at < 0 && link.name === undefined) continue;
    const line = left.splice(at, at < 0 ? 0 : 1)[0];
    const fault = line === undefined
      ? `connection ${link.number} has no line in the log`
      : lineFault(link, line);
    if (fault !== undefined) throw new Fault(fault);
  }
  // Clients on unix sockets without a number: of one alone it is known which line is its.
  const unknown = scene.links.filter(({ name, id }) => name === undefined && id === undefined);
  if (unknown.length === 1 && left.length === 1) {
    const fault = lineFault(unknown[0]!, left[0]!);
    if (fault !== undefined) throw new Fault(fault);
  }
}
