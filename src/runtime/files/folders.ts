/** Checks the folders of files that the proxy writes: a missing one prevents the start. */

import { dirname } from "node:path";
import type { Config } from "../../config/config.ts";
import type { Problem } from "../../config/config_error.ts";
import { writeFault } from "../../files/file_fault.ts";
import { fileInfo } from "../../files/read_file.ts";
import type { Address } from "../../net/address.ts";

/** A file that the proxy writes, and its key in the configuration. */
interface Written {
  readonly path: string;
  readonly file: string;
}

/** Finds files whose folders prevent writing: the access log and unix sockets. */
export async function findMissingFolders({ log, admin, services }: Config): Promise<Problem[]> {
  const { path: logFile } = log.access;
  const written = [
    ...logFile === undefined ? [] : [{ path: "log.access.path", file: logFile }],
    ...admin === undefined ? [] : socketsOf([admin.listen], "admin.listen"),
    ...services.flatMap(({ listen }, index) => socketsOf(listen, `services[${index}].listen`)),
  ];
  const problems = await Promise.all(written.map(problemOf));
  return problems.filter((problem) => problem !== undefined);
}

function socketsOf(listen: readonly Address[], path: string): Written[] {
  // Abstract sockets (unix:@name) have no folder.
  return listen.filter((address) => address.transport === "unix")
    .filter((address) => !/^[@\0]/.test(address.path))
    .map((address) => ({ path, file: address.path }));
}

async function problemOf({ path, file }: Written): Promise<Problem | undefined> {
  const folder = dirname(file);
  try {
    const { isDirectory } = await fileInfo(folder);
    if (!isDirectory) throw new Deno.errors.NotADirectory();
    return undefined;
  } catch (error) {
    const { fault, remedy } = writeFault(error, folder);
    return { path, message: `Cannot write "${file}": ${fault}${remedy === undefined ? "" : ` (${remedy})`}` };
  }
}
