/** `sluice toxic`: the commands of toxiproxy-cli. */

import { hintFor } from "../../config/input/closest.ts";
import { type Column, tableLines } from "../format/table.ts";
import { printJson } from "../admin/command.ts";
import { Options } from "../options.ts";
import { print } from "../output.ts";
import { UsageError } from "../usage.ts";
import { type ProxyJson, type ToxicJson, ToxiproxyClient, ToxiproxyRequestError } from "./client.ts";

export const TOXIC_HELP = `Usage: sluice toxic COMMAND [OPTIONS] [PROXY]

The commands of toxiproxy-cli, for a running "sluice toxiproxy", a proxy with admin.toxiproxy, or toxiproxy itself.

Commands:
  list                            list the proxies
  inspect PROXY                   show a proxy and its toxics
  create PROXY -l ADDR -u ADDR    create a proxy that listens on one address, before another one
  toggle PROXY                    disable or enable a proxy
  delete PROXY                    delete a proxy
  add PROXY -t TYPE ...           add a toxic
  update PROXY -n NAME ...        change attributes or toxicity of a toxic
  remove PROXY -n NAME            remove a toxic

Options:
      --host URL             the API: http://localhost:8474 (default), or TOXIPROXY_URL
  -l, --listen ADDR          create: where the proxy listens; left out, on a free port of 127.0.0.1
  -u, --upstream [ADDR]      create: where connections go; add: the toxic acts on bytes to the upstream
  -d, --downstream           add: it acts on bytes from the upstream (default)
  -t, --type TYPE            add: latency, bandwidth, slow_close, timeout, reset_peer, slicer, limit_data, ...
  -n, --toxicName NAME       the name of the toxic; left out when it is added, TYPE_STREAM
  -a, --attribute KEY=VALUE  an attribute of the toxic; may be repeated
      --toxicity SHARE       the share of connections that it acts on, 0 to 1 (default)
      --json                 print the JSON of the API
  -h, --help                 this text

Example:
  sluice toxic create db -l 127.0.0.1:5433 -u 127.0.0.1:5432
  sluice toxic add db -t latency -a latency=200 -a jitter=50

Exit codes: 0 done, 1 refused or not reachable, 2 wrong usage.
`;

/** Other names of the commands. */
const ALIASES: Readonly<Record<string, string>> = {
  l: "list",
  li: "list",
  ls: "list",
  i: "inspect",
  ins: "inspect",
  c: "create",
  new: "create",
  tog: "toggle",
  d: "delete",
  a: "add",
  u: "update",
  r: "remove",
};

const PROXY_COLUMNS: readonly Column<ProxyJson>[] = [
  { title: "NAME", cell: ({ name }) => name },
  { title: "LISTEN", cell: ({ listen }) => listen },
  { title: "UPSTREAM", cell: ({ upstream }) => upstream },
  { title: "STATE", cell: stateOf },
  { title: "TOXICS", cell: ({ toxics }) => toxics.length, align: "right" },
];

const TOXIC_COLUMNS: readonly Column<ToxicJson>[] = [
  { title: "TOXIC", cell: ({ name }) => name },
  { title: "TYPE", cell: ({ type }) => type },
  { title: "STREAM", cell: ({ stream }) => stream },
  { title: "TOXICITY", cell: ({ toxicity }) => toxicity, align: "right" },
  { title: "ATTRIBUTES", cell: ({ attributes }) => attributesText(attributes) },
];

interface Request {
  readonly client: ToxiproxyClient;
  readonly options: Options;
  readonly json: boolean;
}

const COMMANDS: Readonly<Record<string, (request: Request) => Promise<void>>> = {
  list,
  inspect: async (request) => show(await proxyOf(request), request),
  create,
  toggle,
  delete: remove,
  add,
  update,
  remove: removeToxic,
};

/** @throws {UsageError} @throws {ToxiproxyRequestError} */
export async function runToxic(
  args: readonly string[],
  environment: (name: string) => string | undefined,
): Promise<void> {
  // `toxiproxy-cli toxic add` is `sluice toxic add`.
  const [first = "", ...rest] = args[0] === "toxic" || args[0] === "t" ? args.slice(1) : args;
  const name = Object.hasOwn(ALIASES, first) ? ALIASES[first]! : first;
  // -u has a value for `create`, and none for `add`.
  const flags = name === "create" ? ["downstream"] : ["upstream", "downstream"];
  const options = new Options(rest, {
    string: [
      "host",
      "listen",
      "type",
      "toxicName",
      "attribute",
      "toxicity",
      ...name === "create" ? ["upstream"] : [],
    ],
    boolean: [...flags, "json", "help"],
    alias: {
      l: "listen",
      u: "upstream",
      d: "downstream",
      t: "type",
      n: "toxicName",
      a: "attribute",
      h: "help",
    },
  }, "toxic");
  if (first === "" || first === "-h" || first === "--help" || options.has("help")) {
    return print(TOXIC_HELP.trimEnd());
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    throw new UsageError(
      `Unknown command "${first}": ${hintFor(first, Object.keys(COMMANDS), "expected one of")}`,
      "toxic",
    );
  }
  const url = options.string("host") ?? environment("TOXIPROXY_URL") ?? "http://localhost:8474";
  await command({ client: new ToxiproxyClient(url), options, json: options.has("json") });
}

async function list({ client, json }: Request): Promise<void> {
  const proxies = Object.values(await client.request<Record<string, ProxyJson>>("GET", "/proxies"));
  if (json) return printJson(proxies);
  if (proxies.length === 0) return print("No proxies: sluice toxic create makes one");
  printTable(PROXY_COLUMNS, proxies.toSorted((a, b) => a.name < b.name ? -1 : 1));
}

async function create(request: Request): Promise<void> {
  const { client, options } = request;
  const name = nameIn(options);
  const upstream = options.string("upstream");
  if (upstream === undefined) {
    throw new UsageError("No upstream given: sluice toxic create PROXY -u HOST:PORT", "toxic");
  }
  const proxy = { name, listen: options.string("listen") ?? "", upstream };
  const created = await client.request<ProxyJson>("POST", "/proxies", proxy);
  report(request, created, `Created proxy ${name}: ${created.listen} to ${created.upstream}`);
}

async function toggle(request: Request): Promise<void> {
  const proxy = await proxyOf(request);
  const body = { enabled: !proxy.enabled };
  const changed = await request.client.request<ProxyJson>("PATCH", pathOf(proxy.name), body);
  report(request, changed, `Proxy ${proxy.name} is ${stateOf(changed)}`);
}

async function remove({ client, options }: Request): Promise<void> {
  const name = nameIn(options);
  await client.request("DELETE", pathOf(name));
  print(`Deleted proxy ${name}`);
}

async function add(request: Request): Promise<void> {
  const { client, options } = request;
  const proxy = nameIn(options);
  const type = options.string("type");
  if (type === undefined) throw new UsageError("No type given: sluice toxic add PROXY -t latency", "toxic");
  if (options.has("upstream") && options.has("downstream")) {
    throw new UsageError("A toxic acts on one stream: give --upstream or --downstream", "toxic");
  }
  const toxic = await client.request<ToxicJson>("POST", `${pathOf(proxy)}/toxics`, {
    name: options.string("toxicName"),
    type,
    stream: options.has("upstream") ? "upstream" : "downstream",
    toxicity: toxicityIn(options) ?? 1,
    attributes: attributesIn(options),
  }).catch(async (error: Error) => {
    throw error.message === "invalid toxic type" ? await unknownType(type) : error;
  });
  report(request, toxic, `Added ${describe(toxic)} to proxy ${proxy}`);
}

/** The API has only toxiproxy's words for it. */
async function unknownType(given: string): Promise<Error> {
  const { faultTypes } = await import("../../config/fault_types.ts");
  // A fault without triggers acts on a service, and is no toxic.
  const types = faultTypes().types.filter(({ triggers }) => triggers.length > 0).map(({ type }) => type);
  const hint = hintFor(given, types, "expected one of");
  return new ToxiproxyRequestError(`Unknown type of toxic "${given}": ${hint}`);
}

async function update(request: Request): Promise<void> {
  const { client, options } = request;
  const proxy = nameIn(options);
  const toxic = await client.request<ToxicJson>("PATCH", toxicPath(proxy, options), {
    toxicity: toxicityIn(options),
    attributes: attributesIn(options),
  });
  report(request, toxic, `Updated ${describe(toxic)} on proxy ${proxy}`);
}

async function removeToxic({ client, options }: Request): Promise<void> {
  const proxy = nameIn(options);
  await client.request("DELETE", toxicPath(proxy, options));
  print(`Removed toxic ${options.string("toxicName")} from proxy ${proxy}`);
}

async function proxyOf({ client, options }: Request): Promise<ProxyJson> {
  return await client.request("GET", pathOf(nameIn(options)));
}

function show(proxy: ProxyJson, { json }: Request): void {
  if (json) return printJson(proxy);
  print(`${proxy.name}: ${proxy.listen} to ${proxy.upstream}, ${stateOf(proxy)}`);
  if (proxy.toxics.length === 0) return print("No toxics: sluice toxic add makes one");
  printTable(TOXIC_COLUMNS, proxy.toxics);
}

function report({ json }: Request, value: unknown, sentence: string): void {
  if (json) printJson(value);
  else print(sentence);
}

function describe({ name, type, stream, toxicity, attributes }: ToxicJson): string {
  const share = toxicity === 1 ? "" : `, toxicity ${toxicity}`;
  return `toxic ${name} (${type}, ${stream}${share}; ${attributesText(attributes)})`;
}

function attributesText(attributes: ToxicJson["attributes"]): string {
  const parts = Object.entries(attributes).map(([key, value]) => `${key}=${value}`);
  return parts.length === 0 ? "no attributes" : parts.join(" ");
}

function stateOf({ enabled }: ProxyJson): string {
  return enabled ? "enabled" : "disabled";
}

function nameIn({ words }: Options): string {
  if (words.length === 1) return words[0]!;
  throw new UsageError(
    words.length === 0 ? "No proxy given" : `One proxy at a time, got ${words.length}`,
    "toxic",
  );
}

function pathOf(proxy: string): string {
  return `/proxies/${encodeURIComponent(proxy)}`;
}

function toxicPath(proxy: string, options: Options): string {
  const name = options.string("toxicName");
  if (name === undefined) throw new UsageError("No toxic given: say which with -n NAME", "toxic");
  return `${pathOf(proxy)}/toxics/${encodeURIComponent(name)}`;
}

function toxicityIn(options: Options): number | undefined {
  const text = options.string("toxicity");
  if (text === undefined) return undefined;
  const toxicity = Number(text);
  if (toxicity >= 0 && toxicity <= 1) return toxicity;
  throw new UsageError(`Cannot use "${text}" for --toxicity: expected a number from 0 to 1`, "toxic");
}

/** Numbers where they look like it. */
function attributesIn(options: Options): Record<string, unknown> {
  return Object.fromEntries(
    options.strings("attribute").map((text) => {
      const split = text.indexOf("=");
      if (split < 1) {
        throw new UsageError(`Cannot use "${text}" as an attribute: expected KEY=VALUE`, "toxic");
      }
      const value = text.slice(split + 1);
      return [text.slice(0, split), /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value];
    }),
  );
}

function printTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): void {
  print(tableLines(columns, rows).join("\n"));
}
