/** Describes what Deno does not permit, and the flag that permits it. */

import { dirname } from "node:path";

/** Why something cannot be done, as a clause after a colon, and the remedy if one is known. */
export interface Fault {
  readonly fault: string;
  readonly remedy: string | undefined;
}

/** Both in one clause: `no such file (check the path)`. */
export function withRemedy({ fault, remedy }: Fault): string {
  return remedy === undefined ? fault : `${fault} (${remedy})`;
}

/** `Requires net access to "127.0.0.1:80", run again with the --allow-net flag`; <TMP> is the folder of temporary files. */
const REFUSED = /^Requires (\w+) access to (?:"(.*?)"|<TMP>),/s;

/**
 * Why Deno refused, and what to add to which flag; undefined for other errors.
 *
 * @param file The file or folder that the configuration names, if there is one: the refused one may be beside or below
 * it, under a name that the next run does not use again.
 */
export function permissionFault(cause: unknown, file?: string): Fault | undefined {
  // By its name: types of the admin page lead here, where there is no Deno.
  if (!(cause instanceof Error) || cause.name !== "NotCapable") return undefined;
  const [, kind, refused = file ?? ""] = REFUSED.exec(cause.message) ?? [];
  // Devices and the like, even if all other permissions are granted.
  if (kind === "all") {
    return { fault: "Deno opens no such files without --allow-all", remedy: "name one elsewhere" };
  }
  const fault = "not allowed by Deno";
  if (kind === undefined) return { fault, remedy: cause.message };
  // A flag can list no name of this kind.
  if (refused.startsWith("unix:\0")) {
    return { fault, remedy: "abstract sockets need --allow-net without a list" };
  }
  const isNamed = file === undefined || refused === file || kind === "net";
  return { fault, remedy: `add ${isNamed ? refused : dirname(refused)} to --allow-${kind}` };
}
