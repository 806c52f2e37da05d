/** Sockets that listen, by the kernel's list. */

/** How many sockets listen on a port, as the kernel has it: state 0A. */
export async function listenersOf(port: number): Promise<number> {
  const lines = (await Deno.readTextFile("/proc/net/tcp")).split("\n");
  const local = port.toString(16).toUpperCase().padStart(4, "0");
  return lines.filter((line) => line.includes(`:${local} 00000000:0000 0A`)).length;
}
