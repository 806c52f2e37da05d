/**
 * Resets a TCP connection of Deno, which has no SO_LINGER: dissolving the association of a socket sends RST
 * (connect(2), AF_UNSPEC).
 */

const AF_INET = 2;

const libc = Deno.dlopen("libc.so.6", {
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
});

/** The highest descriptor to search. */
const MOST_DESCRIPTORS = 4096;

/** Breaks the connection; closes one that is not TCP, or has ended. */
export function abort(conn: Deno.Conn): void {
  const fd = descriptorOf(conn);
  if (fd !== undefined) libc.symbols.connect(fd, new Uint8Array(16), 16);
  try {
    conn.close();
  } catch {
    // It is already closed.
  }
}

/** Deno does not expose it, so it is found by its addresses. */
function descriptorOf(conn: Deno.Conn): number | undefined {
  const { localAddr: local, remoteAddr: remote } = conn;
  // Addresses of TLS connections have no transport in Deno 2.9.6.
  if (!("hostname" in local && "hostname" in remote)) return undefined;
  for (let fd = 3; fd < MOST_DESCRIPTORS; fd++) {
    if (addressOf("getsockname", fd) !== `${local.hostname}:${local.port}`) continue;
    if (addressOf("getpeername", fd) === `${remote.hostname}:${remote.port}`) return fd;
  }
  return undefined;
}

function addressOf(name: "getsockname" | "getpeername", fd: number): string | undefined {
  const address = new Uint8Array(128);
  const length = new Uint8Array(Uint32Array.of(address.byteLength).buffer);
  if (libc.symbols[name](fd, address, length) !== 0 || address[0] !== AF_INET) return undefined;
  return `${address.subarray(4, 8).join(".")}:${address[2]! << 8 | address[3]!}`;
}
