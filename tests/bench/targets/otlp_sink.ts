/** A collector of OpenTelemetry that throws away what it gets. A script; its argument is its port. */

const hostname = "127.0.0.1";
Deno.serve({ hostname, port: Number(Deno.args[0]), onListen: () => {} }, async ({ body }) => {
  await body?.pipeTo(new WritableStream());
  return new Response(null, { headers: { "content-type": "application/x-protobuf" } });
});
