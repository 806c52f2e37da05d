import assert from "node:assert/strict";
import { openHttpClient, readBody } from "../../../src/net/http_client.ts";

const signal = AbortSignal.timeout(30_000);

/** Serves one answer for each request. */
function serve(answer: () => Response): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, answer);
}

Deno.test("openHttpClient() follows no redirect, and keeps its token to itself", async () => {
  await using server = serve(() =>
    new Response(null, { status: 302, headers: { Location: "http://192.0.2.1/" } })
  );
  using client = openHttpClient({});
  const response = await client.fetch(`http://127.0.0.1:${server.addr.port}/`, { signal });
  assert.equal(response.status, 302);
  assert.equal(await readBody(response), "");
});

Deno.test("openHttpClient() says why there is no answer, without the request", async () => {
  using client = openHttpClient({});
  const closed = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = closed.addr;
  closed.close();
  await assert.rejects(client.fetch(`http://127.0.0.1:${port}/?secret=1`, { signal }), {
    message: /^tcp connect error: [^?]*$/,
  });
  const stopped = AbortSignal.abort(new Error("stopped"));
  await assert.rejects(client.fetch(`http://127.0.0.1:${port}/`, { signal: stopped }), {
    message: "stopped",
  });
  assert.throws(() => openHttpClient({ ca: "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----" }));
});

Deno.test("readBody() joins text wherever it is cut, and refuses more than 16 MiB", async () => {
  const bytes = new TextEncoder().encode("a€b");
  const pieces = [...bytes].map((byte) => Uint8Array.of(byte));
  assert.equal(await readBody(new Response(ReadableStream.from(pieces))), "a€b");
  assert.equal(await readBody(new Response(null)), "");
  const mebibyte = new Uint8Array(1024 * 1024).fill(0x61);
  const ofMebibytes = (count: number) => new Response(ReadableStream.from(Array(count).fill(mebibyte)));
  assert.equal((await readBody(ofMebibytes(16))).length, 16 * 1024 * 1024);
  await assert.rejects(readBody(ofMebibytes(17)), { message: "the answer is larger than 16 MiB" });
});
