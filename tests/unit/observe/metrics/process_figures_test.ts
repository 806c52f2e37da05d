import assert from "node:assert/strict";
import { processFigures } from "../../../../src/observe/metrics/process_figures.ts";

Deno.test("processFigures() measures CPU time, memory and start", () => {
  const before = processFigures();
  const end = performance.now() + 50;
  while (performance.now() < end);
  const { cpuSeconds, residentBytes, startedAt } = processFigures();
  assert.ok(cpuSeconds > before.cpuSeconds && cpuSeconds < 3600, `${cpuSeconds} s`);
  assert.ok(residentBytes > 2 ** 20 && residentBytes < 2 ** 36, `${residentBytes} bytes`);
  assert.ok(Math.abs(startedAt + performance.now() - Date.now()) < 5000);
});

Deno.test({
  name: "processFigures() counts descriptors in /proc (needs Linux)",
  ignore: Deno.build.os !== "linux",
  fn: () => {
    const { openDescriptors: before, maxDescriptors } = processFigures();
    assert.ok(before !== undefined);
    assert.ok(maxDescriptors! >= before, `${maxDescriptors} of ${before}`);
    using _file = Deno.openSync("/dev/null");
    assert.equal(processFigures().openDescriptors, before + 1);
  },
});

Deno.test("processFigures() counts no descriptors without the permission", async () => {
  const url = new URL("../../../../src/observe/metrics/process_figures.ts", import.meta.url).href;
  const code = `import { processFigures } from ${JSON.stringify(url)};
    console.log(processFigures().openDescriptors);`;
  for (const permissions of [[], ["--allow-read"]]) {
    const args = ["run", "--no-config", "--no-check", "--no-prompt", ...permissions, "-"];
    const child = new Deno.Command(Deno.execPath(), { args, stdin: "piped", stdout: "piped", stderr: "null" })
      .spawn();
    await new Blob([code]).stream().pipeTo(child.stdin);
    const { stdout } = await child.output();
    assert.deepEqual([permissions, new TextDecoder().decode(stdout)], [permissions, "undefined\n"]);
  }
});
