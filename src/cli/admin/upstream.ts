/** `sluice upstream`: takes an endpoint out of use, or puts it back. */

import type { EndpointView } from "../../admin/views.ts";
import { hintFor } from "../../config/input/closest.ts";
import { endpointState } from "../format/figures.ts";
import { printable } from "../format/printable.ts";
import { print } from "../output.ts";
import { UsageError } from "../usage.ts";
import { type AdminCommand, JSON_OPTION, printJson } from "./command.ts";

interface Request {
  readonly group: string;
  readonly endpoint: string;
  readonly state: EndpointView["admin"];
  readonly json: boolean;
}

export const command: AdminCommand<Request> = {
  kind: "control",
  summary: "take an endpoint out of use, or put it back",
  words: "GROUP ENDPOINT up|drain|down",
  description:
    `Takes an endpoint out of use, or puts it back. This lasts until the next such command or the end of the
proxy; health checks go on. sluice status lists groups and endpoints.
  drain    no new connections; open ones stay
  down     no new connections; open ones are closed
  up       back in use`,
  options: [JSON_OPTION],
  parse: (options) => ({ ...changeOf(options.words), json: options.has("json") }),
  async run(client, { group, endpoint, state, json }) {
    const changed = await client.setEndpoint(group, endpoint, state);
    if (json) return printJson(changed);
    print(`${printable(changed.address)}: ${endpointState(changed, null)}, ${changed.active} open`);
  },
};

function changeOf(words: readonly string[]): Omit<Request, "json"> {
  const [group, endpoint, state, ...more] = words;
  if (group === undefined || endpoint === undefined || state === undefined || more.length > 0) {
    throw new UsageError(
      "Three words are needed: sluice upstream GROUP ENDPOINT up|drain|down; sluice status lists them",
      "upstream",
    );
  }
  if (state === "up" || state === "drain" || state === "down") return { group, endpoint, state };
  const hint = hintFor(state, ["up", "drain", "down"]);
  throw new UsageError(`Cannot set an endpoint to "${state}": ${hint}`, "upstream");
}
