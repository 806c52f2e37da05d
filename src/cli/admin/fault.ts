/** `sluice fault`: breaks connections on purpose, for tests. */

import type { FaultView } from "../../admin/views.ts";
import { hintFor } from "../../config/input/closest.ts";
import { parseSettings } from "../../config/input/quick.ts";
import { faultSettings } from "../format/fault_settings.ts";
import { printable } from "../format/printable.ts";
import { type Column, tableLines } from "../format/table.ts";
import { print } from "../output.ts";
import { UsageError } from "../usage.ts";
import type { AdminClient } from "./client.ts";
import { type AdminCommand, JSON_OPTION, printJson } from "./command.ts";

const ACTIONS = ["list", "add", "update", "remove"] as const;

interface Request {
  readonly action: typeof ACTIONS[number];
  readonly service: string;
  /** The type to add, or the name of the fault. */
  readonly name: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly json: boolean;
}

export const command: AdminCommand<Request> = {
  kind: "control",
  summary: "list, add, update or remove faults, for tests",
  words: `${ACTIONS.join("|")} SERVICE ...`,
  description: `Breaks connections of a service on purpose. docs/testing.md has all types and keys.
  list SERVICE
  add SERVICE TYPE KEY=VALUE ...      sluice fault add db latency latency=200ms direction=both
  update SERVICE NAME KEY=VALUE ...   sluice fault update db latency_both latency=1s enabled=false
  remove SERVICE NAME
A key may be repeated for a list; KEY=null removes it. The proxy needs "faults: true" in its configuration, or a
fault there.`,
  options: [JSON_OPTION],
  parse: (options) => ({ ...requestOf(options.words), json: options.has("json") }),
  async run(client, request) {
    const { action, json } = request;
    const faults = await carryOut(client, request);
    if (json) return printJson(action === "list" ? faults : faults[0] ?? { name: request.name });
    if (action === "remove") return print(`Removed ${printable(request.name)}`);
    if (faults.length === 0) return print("No faults");
    print(tableLines(COLUMNS, faults).join("\n"));
  },
};

/** The faults to print. */
async function carryOut(client: AdminClient, request: Request): Promise<FaultView[]> {
  const { action, service, name, settings } = request;
  switch (action) {
    case "list":
      return await client.faults(service);
    case "add":
      return [await client.addFault(service, { ...settings, type: name })];
    case "update":
      return [await client.changeFault(service, name, settings)];
    case "remove":
      await client.removeFault(service, name);
      return [];
  }
}

const COLUMNS: readonly Column<FaultView>[] = [
  { title: "FAULT", cell: ({ name }) => name },
  { title: "TYPE", cell: ({ type }) => type },
  { title: "STATE", cell: ({ enabled }) => enabled ? "on" : "off" },
  { title: "APPLIED", cell: ({ applied }) => applied, align: "right" },
  { title: "FROM", cell: ({ configured }) => configured ? "configuration" : "API" },
  { title: "SETTINGS", cell: faultSettings },
];

function requestOf(words: readonly string[]): Omit<Request, "json"> {
  const [word = "", service, name = "", ...parts] = words;
  const action = ACTIONS.find((each) => each === word);
  if (action === undefined) {
    const hint = hintFor(word, ACTIONS);
    throw new UsageError(
      word === "" ? `Nothing to do: ${hint}` : `Unknown action "${word}": ${hint}`,
      "fault",
    );
  }
  if (service === undefined) throw new UsageError("No service given: sluice status lists them", "fault");
  if (action !== "list" && name === "") {
    const what = action === "add" ? "type" : "fault";
    throw new UsageError(
      `No ${what} given: sluice fault ${action} ${service} ${what.toUpperCase()}`,
      "fault",
    );
  }
  // As --fault takes it: latency,latency=200ms.
  const [first = "", ...more] = action === "add" ? name.replace(/^type=/, "").split(",") : [name];
  const takesParts = action === "add" || action === "update";
  const [stray] = action === "list" ? words.slice(2) : takesParts ? [] : parts;
  if (stray !== undefined) {
    throw new UsageError(`Unknown argument "${stray}": sluice fault ${action} takes none`, "fault");
  }
  const settings = parseSettings([...more, ...parts], (message) => {
    throw new UsageError(message, "fault");
  });
  return { action, service, name: first, settings: withoutNull(settings) };
}

/** `null` removes a key. */
function withoutNull(settings: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [key, value === "null" ? null : value]),
  );
}
