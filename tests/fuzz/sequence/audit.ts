/** The end of a sequence: checks that counters and access log agree with the steps, and with each other. */

import type { ConnectionLine } from "../access_log.ts";
import { type Counts, since } from "../figures.ts";
import type { Link } from "./link.ts";
import type { Scene } from "./scene.ts";
import { lineFault } from "./verdict.ts";
import { Fault } from "./waiting.ts";

/** @param before The counters at the beginning. @throws {Fault} */
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
      // Only some refused clients have a line, and it may be late.
      lines.push(...fixture.access.take(name).filter(({ event }) => event !== "connection_refused"));
      endServing(scene);
      return counts.active === 0 && counts.atEndpoints === 0 &&
        counts.refused + counts.failed + counts.closed >= opened &&
        lines.length >= counts.failed + counts.closed - counts.skipped;
    },
  );
  const ended = counts.refused + counts.failed + counts.closed;
  if (counts.total !== opened || ended !== opened) {
    throw new Fault(`${opened} clients came, ${counts.total} are counted, and ${ended} ends`);
  }
  checkLines(scene, lines, counts);
  await checkMirror(scene, lines);
  if (counts.endpointFailures > 0 && !scene.mayFail) {
    throw new Fault(
      `${counts.endpointFailures} failures of endpoints are counted, which have done nothing`,
    );
  }
}

/** With `reuse`, an upstream that receives its client's FIN ends too. */
function endServing(scene: Scene): void {
  if (scene.target.row.pool !== "reuse") return;
  for (const link of scene.links) {
    const { upstream } = link;
    if (upstream === undefined || upstream.isClosed || upstream.ending === undefined) continue;
    link.act("upstream", "close", true);
    upstream.close();
  }
}

/** Whether `log.access.skip: [empty]` may leave it out. */
function isEmpty({ client, upstream, acts }: Link): boolean {
  return client.received === 0 && upstream!.received === 0 && acts.some(({ by }) => by === "client");
}

/** Every relayed connection was copied, up to the last byte unless something broke or its copy was given up. */
async function checkMirror({ target: { row, mirror }, mirrored, waiting }: Scene, lines: ConnectionLine[]) {
  let least = 0;
  for (const { event, code, faults, mirror, bytes_from_client: bytes } of lines) {
    const isExpected = event !== "connection_closed" || row.mirror === "none"
      ? mirror === undefined
      : mirror === "copied" || mirror === "behind";
    if (!isExpected) throw new Fault(`the log says mirror=${mirror} for ${event}`);
    // A fault may end the stream: what follows is counted, and passes no stage.
    if (mirror === "copied" && code === undefined && faults === undefined) least += bytes!;
  }
  if (row.mirror !== "reading") return;
  await waiting.eventually(
    () => `the mirror to have ${least} bytes, it has ${mirror!.received - mirrored}`,
    () => Promise.resolve(mirror!.received - mirrored >= least),
  );
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
  let { skipped } = counts;
  for (const link of scene.links) {
    const isIts = ({ client, id }: ConnectionLine) =>
      link.name === undefined ? id === link.id : client === link.name;
    const at = left.findIndex(isIts);
    if (at < 0 && link.name === undefined) continue;
    if (at < 0 && isEmpty(link) && skipped-- > 0) continue;
    const line = left.splice(at, at < 0 ? 0 : 1)[0];
    const fault = line === undefined
      ? `connection ${link.number} has no line in the log`
      : lineFault(link, line);
    if (fault !== undefined) throw new Fault(fault);
  }
  // Clients on unix sockets have no address and perhaps no number: only a single one can be matched with its line.
  const unknown = scene.links.filter(({ name, id }) => name === undefined && id === undefined);
  if (unknown.length === 1 && left.length === 1) {
    const fault = lineFault(unknown[0]!, left[0]!);
    if (fault !== undefined) throw new Fault(fault);
  }
}
