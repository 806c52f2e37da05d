/** Sluice as docs/deploy/systemd.md deploys it: the commands of the page, in a machine. */

import { fileURLToPath } from "node:url";
import { eventually } from "../../support/eventually.ts";
import { parsePage, ROOT } from "../../support/docs/page.ts";
import { echo, readText, Upstream, writeText } from "../../support/peers/sockets.ts";
import type { Machine } from "./machine.ts";

const DEPLOY = new URL("docs/deploy/", ROOT);
/** Where an administrator has put the files, in the machine. */
const FOLDER = "/root/sluice";
export const CONFIGURATION = "/etc/sluice/sluice.yaml";
/** The port of `sluice.socket`, below 1024. */
export const PORT = 443;

/** The block with this text, of systemd.md or another page of docs/deploy. */
export function printed(text: string, page = "systemd.md"): string {
  const { blocks } = parsePage(page, Deno.readTextFileSync(new URL(page, DEPLOY)));
  const found = blocks.filter(({ code }) => code.includes(text));
  if (found.length !== 1) throw new Error(`${found.length} blocks of ${page} have "${text}"`);
  return found[0]!.code;
}

/** The text of a file of docs/deploy. */
export function shipped(name: string): Promise<string> {
  return Deno.readTextFile(fileURLToPath(new URL(name, DEPLOY)));
}

/** Runs commands of the page where the files are. */
export function enter(machine: Machine, commands: string): Promise<string> {
  return machine.run(`cd ${FOLDER}\n${commands}`);
}

/** Puts the files there, and installs and starts sluice with the commands of the page. */
export async function install(machine: Machine, configuration: string): Promise<void> {
  for (const name of ["sluice.service", "sluice.socket"]) {
    await machine.write(`${FOLDER}/${name}`, await shipped(name));
  }
  await machine.write(`${FOLDER}/sluice.yaml`, configuration);
  await enter(machine, printed("install -D -m 644 sluice.yaml"));
}

/** Adds keys to the service unit. */
export async function dropIn(machine: Machine, ...lines: string[]): Promise<void> {
  await machine.write("/etc/systemd/system/sluice.service.d/test.conf", `[Service]\n${lines.join("\n")}\n`);
  await machine.run("systemctl daemon-reload");
}

/** A server that the machine can reach. It sends its name, one character, and echoes. */
export function namedUpstream(machine: Machine, name: string): Upstream {
  return new Upstream(Deno.listen({ hostname: machine.near, port: 0 }), async (conn) => {
    await writeText(conn, name);
    await echo(conn);
  });
}

/** A service on {@linkcode PORT} before this server, with an access log and an admin interface. */
export function configurationBefore(
  machine: Machine,
  { port }: Upstream,
  listen = `0.0.0.0:${PORT}`,
): string {
  return `admin: { listen: "unix:/run/sluice/admin.sock" }
log: { access: { path: /var/log/sluice/access.log } }
services: [{ name: web, listen: "${listen}", upstream: "${machine.near}:${port}" }]
`;
}

/** The name of the server behind sluice, once an echo has come too. */
export async function ask(machine: Machine): Promise<string> {
  using client = await Deno.connect({ hostname: machine.far, port: PORT });
  const name = await readText(client, 1);
  await writeText(client, "echo");
  const echoed = await readText(client, "echo".length);
  if (echoed !== "echo") throw new Error(`The echo is "${echoed}"`);
  return name;
}

/** Resolves when clients reach the server with this name. */
export async function serves(machine: Machine, name: string): Promise<void> {
  await eventually(`server ${name}`, () => ask(machine).catch(String), (answer) => answer === name);
}
