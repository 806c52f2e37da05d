/** A configuration as `sluice check` shows it: every setting in effect, with notes on what follows from it. */

import type { Config, GroupConfig, ServiceConfig } from "../../config/config.ts";
import { type ConfigDocument, encodeConfig } from "../../config/encode.ts";
import { CHECK_TYPES } from "../../config/schema/check_types.ts";
import { formatPath } from "../../config/input/key_path.ts";
import { type CheckLegConfig, checkLegsOf } from "../../config/rules/check_leg.ts";
import { groupsOf } from "../../config/service_groups.ts";
import { writeYaml } from "../../config/write_yaml.ts";
import type { Address } from "../../net/address.ts";
import { adapterFor } from "../../net/socket/conn.ts";
import type { Credentials } from "../../net/tls/credentials.ts";
import { listKey } from "../../proxy/file_lists.ts";
import { sourceOf } from "../../upstream/discovery/registry.ts";
import { discoveries, type EndpointCounts } from "../files/discovery_files.ts";
import { listReferences, type LoadedLists } from "../files/list_files.ts";
import type { LoadedFiles } from "../files/tls_files.ts";

type Path = readonly PropertyKey[];

/**
 * Writes a configuration with its defaults as YAML that `sluice` accepts. In place of each secret stands a variable
 * that is called like the path: `${ADMIN_TOKEN}`.
 *
 * @param files The certificates, of which names and ends are noted.
 * @param lists The files with entries of lists, whose number is noted.
 * @param endpoints The files with endpoints, whose number is noted.
 */
export function effectiveConfig(
  config: Config,
  files: LoadedFiles,
  lists: LoadedLists = new Map(),
  endpoints: EndpointCounts = new Map(),
): string {
  const variables = new Set<string>();
  const document = encodeConfig(config, (_, path) => {
    variables.add(formatPath(path));
    return `\${${path.join("_").replace(/\W+/g, "_").toUpperCase()}}`;
  });
  const notes = new Notes(config, files);
  for (const path of variables) notes.set(path, "not shown, it may be a secret");
  if (config.workers === "auto") notes.add(["workers"], "one thread for each CPU");
  for (const name of Object.keys(document.upstreams ?? {})) {
    notes.addGroup(config.upstreams.find((group) => group.name === name)!, ["upstreams", name]);
  }
  for (const { kind, file, path } of listReferences(config)) {
    const list = lists.get(listKey(kind, file));
    if (list !== undefined) notes.set(path, `entries: ${list.figures.entries}`);
  }
  for (const { path, discovery } of discoveries(config)) {
    const { description } = sourceOf(discovery);
    const count = discovery.file === undefined ? undefined : endpoints.get(discovery.file);
    notes.add(
      path,
      `Endpoints come from ${description}${count === undefined ? "" : `, which has ${count}`}.`,
    );
  }
  for (const [index, service] of config.services.entries()) {
    notes.addService(service, document.services[index]!, ["services", index]);
  }
  return writeYaml(document, { notes, variables });
}

/** Notes by the paths of what they are about. */
class Notes extends Map<string, string> {
  readonly #legs: ReadonlyMap<string, CheckLegConfig>;
  readonly #used: ReadonlySet<GroupConfig>;
  readonly #files: LoadedFiles;

  constructor(config: Config, files: LoadedFiles) {
    super();
    this.#legs = checkLegsOf(config);
    this.#used = new Set(config.services.flatMap(groupsOf));
    this.#files = files;
  }

  add(path: Path, ...notes: readonly (string | undefined)[]): void {
    const text = notes.filter((note) => note !== undefined).join(", ");
    if (text !== "") this.set(formatPath(path), text);
  }

  /** @param written How the configuration has it. */
  addService(
    service: ServiceConfig,
    { listen, upstream, mirror, routes }: ConfigDocument["services"][number],
    path: Path,
  ): void {
    this.#addListeners(service, listen as readonly string[], [...path, "listen"]);
    this.#addOrders(service, path);
    this.#addCertificates(service, path);
    if (service.upstream !== undefined) {
      this.#addUpstream(service, service.upstream, upstream, [...path, "upstream"]);
    }
    if (service.mirror !== undefined) {
      const plain = { ...service, upstreamTls: undefined };
      this.#addUpstream(plain, service.mirror.upstream, mirror!.upstream, [...path, "mirror", "upstream"]);
    }
    for (const [place, route] of service.routes.entries()) {
      const routePath = [...path, "routes", place, "upstream"];
      this.#addUpstream(service, route.upstream, routes?.[place]?.upstream, routePath);
    }
    if (refusesSome(service)) {
      this.add([...path, "routes"], "Clients that meet the conditions of none are refused.");
    }
  }

  /** Which socket API accepts connections. */
  #addListeners(service: ServiceConfig, listen: readonly string[], path: Path): void {
    for (const [index, text] of listen.entries()) {
      const needsNode = text.startsWith("systemd:") ||
        adapterFor(service) === "node" && !text.startsWith("unix:");
      const api = needsNode ? "node:net" : "Deno.listen";
      const isNative = service.tls?.engine === "deno";
      const tls = service.tls !== undefined || service.routes.some((route) => route.tls)
        ? "node:tls"
        : undefined;
      this.add([...path, index], ...isNative ? ["Deno.listenTls"] : [api, tls]);
    }
  }

  /** Certificates that are ordered once sluice runs. */
  #addOrders({ tls, routes }: ServiceConfig, path: Path): void {
    for (const [index, each] of [tls, ...routes.map((route) => route.tls)].entries()) {
      const user = index === 0 ? path : [...path, "routes", index - 1];
      if (each && each.acme !== undefined) {
        this.add([...user, "tls", "acme", "storage"], "no certificate yet");
      }
    }
  }

  #addCertificates({ name, tls, routes, upstreamTls }: ServiceConfig, path: Path): void {
    const files = this.#files.get(name);
    for (const { section: { route }, index, credentials } of files?.certificates ?? []) {
      const user = route === undefined ? path : [...path, "routes", route];
      const own = route === undefined ? tls : routes[route]?.tls;
      const key = !own || own.acme === undefined ? ["certificates", index, "cert"] : ["acme", "storage"];
      this.add([...user, "tls", ...key], describe(credentials));
    }
    if (upstreamTls === undefined) return;
    const own = files?.upstreamCertificate;
    if (own !== undefined) this.add([...path, "upstream_tls", "cert"], describe(own));
    if (!upstreamTls.verify) this.add([...path, "upstream_tls", "verify"], "accepts any certificate");
    else if (upstreamTls.ca === undefined) {
      this.add([...path, "upstream_tls"], "Checked with the authorities of Deno.");
    }
  }

  /** Which socket API connects. @param written How the group is written here: in place, or in a word. */
  #addUpstream(service: ServiceConfig, group: GroupConfig, written: unknown, path: Path): void {
    const transports = group.endpoints.length === 0
      ? ["tcp"] as const
      : group.endpoints.map(({ address }) => address.transport);
    const apis = new Set(transports.map((transport) => connectApi(service, transport)));
    this.add(path, ...apis, service.upstreamTls && "node:tls");
    if (typeof written === "object") this.addGroup(group, path);
  }

  addGroup(group: GroupConfig, path: Path): void {
    if (!this.#used.has(group)) this.add(path, "No service uses it.");
    const leg = this.#legs.get(group.name);
    const header = leg?.proxyProtocol && `PROXY ${leg.proxyProtocol}`;
    this.add([...path, "health_check"], header, leg?.tls && `TLS as ${leg.tls.service}`);
    const type = group.healthCheck?.type;
    if (type !== undefined) {
      this.add([...path, "health_check", "type"], JSON.stringify(CHECK_TYPES[type].check));
    }
  }
}

/** Behind a route without conditions no client is left. */
function refusesSome({ routes, upstream }: ServiceConfig): boolean {
  const last = routes.at(-1);
  if (last === undefined || upstream !== undefined) return false;
  const { tls: _t, upstream: _u, ...conditions } = last;
  return Object.values(conditions).some((condition) => condition !== undefined);
}

/** TLS aside. Deno.connect cannot choose the address it connects from. */
function connectApi(service: ServiceConfig, transport: Address["transport"]): string {
  const needsNode = adapterFor(service) === "node" || service.sourceAddress !== undefined;
  return transport === "tcp" && needsNode ? "node:net" : "Deno.connect";
}

function describe({ names, subject, expiresAt }: Credentials): string {
  const day = expiresAt.toISOString().slice(0, "2026-01-01".length);
  return `for ${names.length === 0 ? subject : names.join(", ")}, until ${day}`;
}
