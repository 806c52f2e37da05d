/** Checks the folders of files that the proxy writes: one that is missing or cannot be used prevents the start. */

import { dirname } from "node:path";
import type { Config, TlsConfig } from "../../config/config.ts";
import type { Problem } from "../../config/config_error.ts";
import { writeFault } from "../../files/file_fault.ts";
import { withRemedy } from "../../files/permission_fault.ts";
import { fileInfo } from "../../files/read_file.ts";
import { folderFault } from "../../net/socket/folder_lock.ts";
import type { ListenAddress } from "../../net/address.ts";

/** A file that the proxy writes, and its key in the configuration. */
interface Written {
  readonly path: string;
  readonly file: string;
  /** Sockets need the lock of their folder. */
  readonly isSocket?: true;
}

/** Finds files whose folders prevent writing: the access log, unix sockets and the folders of ACME. */
export async function findMissingFolders({ log, admin, services }: Config): Promise<Problem[]> {
  const { path: logFile } = log.access;
  const written = [
    ...logFile === undefined ? [] : [{ path: "log.access.path", file: logFile }],
    ...admin === undefined ? [] : socketsOf([admin.listen], "admin.listen"),
    ...services.flatMap(({ listen }, index) => socketsOf(listen, `services[${index}].listen`)),
    ...services.flatMap(({ tls, routes }, index) => [
      ...storageOf(tls, `services[${index}]`),
      ...routes.flatMap((route, place) => storageOf(route.tls, `services[${index}].routes[${place}]`)),
    ]),
  ];
  const problems = await Promise.all(written.map(problemOf));
  return problems.filter((problem) => problem !== undefined);
}

function socketsOf(listen: readonly ListenAddress[], path: string): Written[] {
  // Abstract sockets (unix:@name) have no folder.
  return listen.filter((address) => address.transport === "unix")
    .filter((address) => !/^[@\0]/.test(address.path))
    .map((address) => ({ path, file: address.path, isSocket: true }));
}

/** It is made at the start, in a folder that must exist. */
function storageOf(tls: TlsConfig | false | undefined, path: string): Written[] {
  if (!tls || tls.acme === undefined) return [];
  return [{ path: `${path}.tls.acme.storage`, file: tls.acme.storage }];
}

async function problemOf({ path, file, isSocket }: Written): Promise<Problem | undefined> {
  const folder = dirname(file);
  try {
    const { isDirectory } = await fileInfo(folder);
    if (!isDirectory) throw new Deno.errors.NotADirectory();
    const fault = isSocket ? await folderFault(folder) : undefined;
    return fault === undefined ? undefined : { path, message: `Cannot listen on unix:${file}: ${fault}` };
  } catch (error) {
    return { path, message: `Cannot write "${file}": ${withRemedy(writeFault(error, folder))}` };
  }
}
