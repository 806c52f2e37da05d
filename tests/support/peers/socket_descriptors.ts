/** Descriptors of this process by port: other tests may open sockets of their own meanwhile. Linux only. */

/** How many descriptors of this process belong to open TCP sockets that have the port on either side. */
export function socketDescriptors(port: number): number {
  return descriptorsOf(socketsAt(port));
}

/** The TCP sockets that have the port on either side, as inodes: the kernel no longer lists one that was reset. */
export function socketsAt(port: number): Set<string> {
  return new Set(["tcp", "tcp6"].flatMap((table) => inodesIn(table, port)));
}

/** How many descriptors of this process belong to these sockets. */
export function descriptorsOf(sockets: ReadonlySet<string>): number {
  return [...Deno.readDirSync("/proc/self/fd")].map(({ name }) => target(name))
    .filter((link) => sockets.has(link.slice("socket:[".length, -1))).length;
}

function inodesIn(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return Deno.readTextFileSync(`/proc/self/net/${table}`).trim().split("\n").slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, remote]) => local!.endsWith(suffix) || remote!.endsWith(suffix))
    .map((fields) => fields[9]!);
}

function target(descriptor: string): string {
  try {
    return Deno.readLinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return ""; // closed meanwhile
  }
}
