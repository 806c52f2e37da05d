/** The shape of a configuration file: its keys, what they mean, and what they are when they are left out. */

import * as z from "zod";
import { accessList, listen, privateBlocks, sourceAddress } from "./address_fields.ts";
import { admin } from "./admin_schema.ts";
import { acceptProxyProtocol, limits, peek, processLimits } from "./admission_schema.ts";
import { clientConditions } from "./client_fields.ts";
import { allowedNames } from "./client_hello_fields.ts";
import { faultList } from "./fault_schema.ts";
import { choice, duration, flag, keepalive, name, seed, share, size, unixMode, workers } from "./fields.ts";
import { filePath } from "../values/file_path.ts";
import { namedGroups, upstream } from "./group_schema.ts";
import { mirror } from "./mirror_schema.ts";
import { route } from "./route_schema.ts";
import { list, section } from "./section.ts";
import { tls, upstreamTls } from "./tls_schema.ts";

/** In bytes: a buffer smaller than a memory page only costs system calls. */
const MIN_BUFFER = 4096;

/** In bytes: larger buffers are not faster, and every busy connection has two. */
const MAX_BUFFER = 16 * 1024 * 1024;

/** The kernel counts keepalive times in seconds; in milliseconds. */
const MIN_KEEPALIVE = 1000;

export const access = section('a mapping such as "path: access.log"', {
  path: filePath("/var/log/sluice/access.log").optional().describe(
    "The file to append lines to. Left out, they go to stderr.",
  ),
  format: choice("text", "json").optional().describe(
    "The format of lines in the file. Left out, that of log.",
  ),
  sample: share().prefault(1).describe(
    "The share of connections to log, 0.1 for one in ten. Connections that failed or were refused are always logged.",
  ),
  at: list(choice("open", "connected", "closed"), "moments", "moment").prefault(["closed"]).describe(
    "When a connection leaves a line: when it was accepted (open), when its upstream is connected, and when it ends " +
      "(closed). Moments that are not in the list have a line only at level debug of log.",
  ),
  skip: list(choice("empty", "silent"), "kinds", "kind").optional().describe(
    "Connections that leave no line, unless they failed: those that the client ended before either side sent a byte " +
      "(empty), or before the client sent one (silent), as health checks do. Left out, none.",
  ),
});

const log = section('a mapping such as "level: info"', {
  level: choice("debug", "info", "warn", "error").prefault("info").describe(
    "The lowest level to log.",
  ),
  format: choice("text", "json").prefault("text").describe(
    "text is for people; json is one object per line.",
  ),
  access: access.prefault({}).describe("The lines that each connection leaves."),
});

const shutdown = section('a mapping such as "drain: 30s"', {
  drain: duration().prefault("30s").describe(
    "How long a stop waits for open connections before it closes them. 0 closes them at once.",
  ),
  drain_idle: duration().prefault(0).describe(
    "Meanwhile, closes connections once no byte has come from either side for this long. 0 closes none before the end.",
  ),
  delay: duration().prefault(0).describe(
    "How long a stop still accepts connections before that, while readiness checks already fail, so that load " +
      "balancers notice. 0 is no delay.",
  ),
});

const reload = section('a mapping such as "watch: true"', {
  watch: flag().prefault(false).describe(
    "Read the configuration again whenever its file changes, as on SIGHUP.",
  ),
});

/** Keys of `defaults`. A service may have them too, without a default there. */
const shared = {
  allow: accessList().describe(
    'Addresses of clients to accept: one, a block such as "10.0.0.0/8", a mapping such as "file: office.txt", or a list. An ' +
      "empty list accepts all.",
  ).prefault([]),
  deny: accessList().describe(
    "Addresses of clients to refuse, even if allow has them, written the same way.",
  ).prefault([]),
  connect_timeout: duration().describe(
    "How long one attempt to reach the upstream may take, name lookup included. 0 is no limit.",
  ).prefault("5s"),
  idle_timeout: duration().describe(
    "Closes a connection after this time without a byte from either side. 0 is no limit.",
  ).prefault("10m"),
  half_close_timeout: duration().describe(
    "The idle timeout once one side has finished sending. Left out or 0, idle_timeout.",
  ).optional(),
  buffer_size: size(MIN_BUFFER, MAX_BUFFER).describe(
    "The largest buffer for each direction of a connection, 4KiB to 16MiB. Buffers start small and grow up to this; " +
      "beyond 256KiB only while buffers of that size take less than 64MiB in a thread.",
  ).prefault("1MiB"),
  nodelay: flag().describe("Send small packets at once (TCP_NODELAY).").prefault(true),
  keepalive: keepalive(MIN_KEEPALIVE).describe(
    "Probe silent connections: after the kernel's time (true), or after a duration of at least 1s.",
  ).prefault(false),
  reset: choice("close", "pass").describe(
    "What the other side sees when one side resets its connection: an orderly close, or a reset as well (pass).",
  ).prefault("close"),
};

const defaults = section('a mapping such as "idle_timeout: 10m"', shared);

type Optional<Schemas extends Readonly<Record<string, z.ZodPrefault | z.ZodOptional>>> = {
  [Key in keyof Schemas]: z.ZodOptional<ReturnType<Schemas[Key]["unwrap"]>>;
};

const { allow, deny, ...settingsOfService } = Object.fromEntries(
  Object.entries(shared).map(([key, schema]) => [key, z.optional(schema.unwrap())]),
) as Optional<typeof shared>;

/** One service. */
export const service = section("a mapping with name, listen and upstream", {
  name: name().describe("The name of the service in logs and metrics. No two services have the same."),
  listen: listen().describe(
    "Where clients connect, one address or a list: host:port, port (127.0.0.1), :port (all addresses), " +
      "[v6]:port, unix:/path, or systemd:name for a socket that systemd holds. A port may be a range such as " +
      "7000-7010. Port 0 takes a free one.",
  ),
  unix_mode: unixMode().optional().describe(
    'Permissions of the unix sockets in listen, in octal such as "0660". Left out, the umask decides.',
  ),
  accept_proxy_protocol: acceptProxyProtocol.optional().describe(
    "Takes the client's address from the PROXY protocol header (v1 or v2) that each connection must begin with. " +
      "Left out, no header is read.",
  ),
  allow,
  deny,
  allow_clients: section('a mapping such as "client_name: alice"', clientConditions).optional().describe(
    "Which certificates of clients to accept: all that is said here must apply. Left out, any, and clients without one.",
  ),
  limits: limits.prefault({}).describe("Limits of the service and of each client."),
  peek: peek.prefault({}).describe(
    "How to wait for what clients send first, where routes need it: for protocol, starts_with, silent, sni and alpn; and " +
      'for an upstream "{sni}:443".',
  ),
  tls: tls.optional().describe("TLS with clients. Left out, bytes are relayed as they are, TLS included."),
  routes: list(route, "routes", "route")
    .optional()
    .describe("Upstreams for some clients. The first route whose conditions a client meets decides."),
  upstream: upstream.optional().describe(
    "Where connections go: host:port, [v6]:port or unix:/path, the name of a group, a list of endpoints, or a " +
      "group written in place. A range of ports, host:7000-7010, is for as many ports of listen, one for each. " +
      '"{sni}:443" is the server name that each client asks for in its TLS ClientHello, see allow_names. ' +
      "With routes, it is for clients that match none; left out, these are refused.",
  ),
  allow_names: allowedNames().optional().describe(
    'With an upstream "{sni}:443": the server names that clients may be sent to: one, a pattern such as "*.example.com", a ' +
      'file, or a list. "*" is every name: any client can then connect to any host with a public address.',
  ),
  allow_private: privateBlocks().prefault(false).describe(
    'With an upstream "{sni}:443": whether names may lead to addresses that are not public, such as those of this ' +
      "machine and its networks. true, or blocks of those that may be reached.",
  ),
  mirror: mirror.optional().describe(
    "Copies what clients send to another upstream, whose answers are dropped. It never slows or breaks a connection.",
  ),
  filters: list(filePath("filters/upper_case.ts"), "paths of modules", "module").optional().describe(
    "Modules whose default export makes the filter of a connection, in the order in which bytes pass them. An " +
      "executable cannot import modules: run sluice with deno. Left out, none.",
  ),
  send_proxy_protocol: choice("v1", "v2").optional().describe(
    "Begins each upstream connection with a PROXY protocol header of this version. Left out, with none.",
  ),
  upstream_tls: upstreamTls.optional().describe(
    "TLS with upstreams; {} is enough. Left out, sluice starts no TLS, and passes TLS of clients through.",
  ),
  source_address: sourceAddress().optional().describe(
    "The local address of upstream connections. Left out, the system chooses it.",
  ),
  ...settingsOfService,
  faults: faultList.optional().describe(
    "What goes wrong on its connections on purpose, for tests.",
  ),
}).meta({
  description: "What to listen on, and where connections go.",
  anyOf: [{ required: ["upstream"] }, { required: ["routes"] }],
});

const settings = {
  workers: workers().prefault(1).describe(
    "How many threads accept and relay, 1 to 256, each on a core of its own. auto is one for each CPU. A change needs a restart.",
  ),
  faults: flag().prefault(false).describe(
    "Whether faults can be added to services while the program runs. Left out, only if some service has faults here.",
  ),
  seed: seed().optional().describe(
    "What random decisions of faults follow from: the same seed, the same decisions. A number or a text. Left out, that of " +
      "--seed or SLUICE_SEED, or a random one. A change needs a restart.",
  ),
  log: log.prefault({}).describe("What is logged, and how."),
  shutdown: shutdown.prefault({}).describe("How the program stops."),
  reload: reload.prefault({}).describe("When the configuration is read again."),
  limits: processLimits.prefault({}).describe("Limits of all services together."),
  defaults: defaults.prefault({}).describe("Values for all services that do not set these keys."),
  upstreams: namedGroups.prefault({}).describe(
    "Groups of endpoints by name, for any number of services to use.",
  ),
  admin: admin.optional().describe(
    "The HTTP interface for operators. Left out, there is none. A change needs a restart.",
  ),
};

const FILE = "a mapping with services";

/** A whole file. Keys that are not listed here are errors. */
export const configFile = section(FILE, {
  ...settings,
  services: list(service, "services", "service")
    .describe("What to listen on, and where to connect to."),
});

/** A file whose services are not validated. */
export const configFileFrame = section(FILE, { ...settings, services: z.unknown().optional() });

/** A file as it is written. */
export type ConfigFileInput = z.input<typeof configFile>;

/** A file after parsing: numbers for durations and sizes, and defaults filled in. */
export type ConfigFile = z.output<typeof configFile>;

/** One service of a file after parsing; what it leaves out is in `defaults`. */
export type ServiceEntry = z.output<typeof service>;
