/** A small HTTP server in place of an agent that says how a server is. */

export interface HttpAgent {
  readonly port: number;
}

/** Starts it on `stack`, on a free port of 127.0.0.1 unless given. */
export async function startHttp(
  stack: AsyncDisposableStack,
  answer: (request: Request) => Response | Promise<Response>,
  { hostname = "127.0.0.1", port = 0 } = {},
): Promise<HttpAgent> {
  const listening = Promise.withResolvers<number>();
  const server = Deno.serve({
    hostname,
    port,
    onListen: ({ port }) => listening.resolve(port),
  }, answer);
  stack.defer(() => server.shutdown());
  return { port: await listening.promise };
}
