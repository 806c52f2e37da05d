/** docs/recipes/ftp.md */

import assert from "node:assert/strict";
import { interopTest, run } from "../../support/interop.ts";
import { startVsftpd, VSFTPD } from "../servers/root_servers.ts";
import { Recipe } from "./recipe.ts";

const RECIPE = new Recipe("ftp");
const NEEDS = { needs: [...VSFTPD.needs, "curl"], install: `${VSFTPD.install} curl` };
/** Of the server. */
const HOST = "127.0.0.55";

interopTest("recipe: FTP with passive data connections", NEEDS, async (stack) => {
  const first = freeRange();
  const ports = [first, first + 1, first + 2, first + 3] as const;
  const range = { "30000-30003": `${ports[0]}-${ports[3]}` };
  await RECIPE.checkPeer(stack, { ...range, "listen 21;": `listen 127.0.0.1:${freeRange()};` });
  const files = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(files, { recursive: true }));
  await Deno.chmod(files, 0o555);
  await Deno.writeTextFile(`${files}/hello.txt`, "hello\n");
  await Deno.writeTextFile(`${files}/large.txt`, "0123456789abcdef".repeat(200_000));
  const { port } = await startVsftpd(stack, HOST, [
    "anonymous_enable=YES",
    `anon_root=${files}`,
    "pasv_address=127.0.0.1",
    `pasv_min_port=${ports[0]}`,
    `pasv_max_port=${ports[3]}`,
  ]);
  const recipe = await RECIPE.start(stack, {
    "10.0.0.55:30000-30003": `${HOST}:${range["30000-30003"]}`,
    "listen: :30000-30003": `listen: 127.0.0.1:${range["30000-30003"]}`,
    "10.0.0.55:21": `"${HOST}:${port}"`,
    "listen: :21": "listen: 127.0.0.1:0",
  });
  const get = async (name: string) =>
    (await run("curl", [
      "--silent",
      "--show-error",
      "--disable-epsv",
      `ftp://127.0.0.1:${recipe.port()}/${name}`,
    ]))
      .text;
  assert.equal(await get("hello.txt"), "hello\n");
  assert.equal((await get("large.txt")).length, 3_200_000);
  const relayed = (await recipe.sluice.loggedEvents("connection_closed", 4))
    .filter(({ service }) => service === "ftp-data");
  assert.equal(relayed.length, 2);
});

/** The first of four free ports. */
function freeRange(): number {
  for (;;) {
    const first = 20_000 + 4 * Math.floor(Math.random() * 2900);
    try {
      for (let port = first; port < first + 4; port++) Deno.listen({ hostname: "0.0.0.0", port }).close();
      return first;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}
