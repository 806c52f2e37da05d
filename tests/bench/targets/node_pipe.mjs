/** What Node.js gives for nothing: `pipe` both ways. A script; its arguments are the port and the upstream's. */
import net from "node:net";

const [port, upstream] = process.argv.slice(2).map(Number);
const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
  const socket = net.connect({ host: "127.0.0.1", port: upstream, allowHalfOpen: true, noDelay: true });
  client.on("error", () => socket.destroy()).on("close", () => socket.destroySoon());
  socket.on("error", () => client.destroy()).on("close", () => client.destroySoon());
  client.pipe(socket).pipe(client);
});
server.listen({ host: "127.0.0.1", port, backlog: 4096 });
