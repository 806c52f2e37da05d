/**
 * The leanest relay for Deno: every proxy on Deno costs at least as much. It has no limits, accounts, timeouts or log,
 * and no fairness between connections. A script; its arguments are its own port and that of the upstream.
 */

const [port, upstream] = Deno.args.map(Number);
const SIZE = 1024 * 1024;
const free: Uint8Array[] = [];
const listener = Deno.listen({ hostname: "127.0.0.1", port: port!, tcpBacklog: 4096 });
for (;;) relay(await listener.accept());

function relay(client: Deno.TcpConn): void {
  Deno.connect({ hostname: "127.0.0.1", port: upstream!, autoSelectFamily: false }).then((server) => {
    client.setNoDelay(true);
    server.setNoDelay(true);
    let ended = 0;
    const end = (other: Deno.TcpConn) => {
      ended += 1;
      if (ended === 1) return other.closeWrite().catch(close);
      close();
    };
    const close = () => {
      if (ended === Infinity) return;
      ended = Infinity;
      client.close();
      server.close();
    };
    pass(client, server, end, close);
    pass(server, client, end, close);
  }, () => client.close());
}

function pass(from: Deno.TcpConn, to: Deno.TcpConn, end: (to: Deno.TcpConn) => void, fail: () => void): void {
  const buffer = free.pop() ?? new Uint8Array(SIZE);
  let left = buffer.subarray(0, 0);
  const onRead = (length: number | null) => {
    if (length === null) {
      free.push(buffer);
      return end(to);
    }
    left = buffer.subarray(0, length);
    to.write(left).then(onWritten, fail);
  };
  const onWritten = (length: number) => {
    if (length === left.byteLength) return read();
    left = left.subarray(length);
    to.write(left).then(onWritten, fail);
  };
  const read = () => void from.read(buffer).then(onRead, fail);
  read();
}
