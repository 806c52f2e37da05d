/** Finds admin interfaces that any machine can use without a token. */

import { type Address, parseListenAddress } from "../../net/address.ts";
import { CidrSet } from "../../wire/ip/cidr.ts";
import { isIpAddress } from "../values/address_text.ts";
import { findAt } from "./found.ts";
import type { Report } from "../input/report.ts";

/** Addresses that only this machine reaches (RFC 6890 section 2.2.2). */
const LOOPBACK = new CidrSet(["127.0.0.0/8", "::1"]);

const LISTEN = ["admin", "listen"];
const TOKEN = ["admin", "token"];

/** Adds what is wrong with access to the admin interface. */
export function findAdminConflicts(report: Report): void {
  const listen = findAt(LISTEN, report, parseListenAddress);
  if (listen === undefined || isLocal(listen.value) || report.valueAt(TOKEN) !== undefined) return;
  const where = `${report.show(LISTEN)} (${report.spellPath(LISTEN)})`;
  report.addMissing(
    TOKEN,
    `other machines can reach ${where}, set a token or listen on 127.0.0.1`,
  );
}

/** Whether only programs on this machine can connect. The mode of a unix socket says which ones. */
function isLocal(address: Address): boolean {
  if (address.transport === "unix") return true;
  const { hostname } = address;
  return isIpAddress(hostname) ? LOOPBACK.has(hostname) : hostname.toLowerCase() === "localhost";
}
