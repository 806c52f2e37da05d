import assert from "node:assert/strict";

for (
  const [what, env, permissions, expected] of [
    ["nothing asks for it", {}, ["--allow-env"], "off"],
    ["OTEL_DENO is true", { OTEL_DENO: "true" }, ["--allow-env"], "on"],
    ["OTEL_DENO is True", { OTEL_DENO: "True" }, ["--allow-env"], "on"],
    ["OTEL_DENO is false", { OTEL_DENO: "false" }, ["--allow-env"], "off"],
    ["OTEL_SDK_DISABLED is true", { OTEL_DENO: "true", OTEL_SDK_DISABLED: "true" }, ["--allow-env"], "off"],
    ["the environment cannot be read", { OTEL_DENO: "true" }, [], "off"],
    // As in an executable, which ignores the variable.
    ["Deno has not turned it on", { LATE: "true" }, ["--allow-env"], "unavailable"],
  ] as const satisfies readonly [string, Record<string, string>, string[], string][]
) {
  Deno.test(`telemetryAvailability() is ${expected} when ${what}`, async () => {
    const url = new URL("../../../../src/observe/telemetry/telemetry.ts", import.meta.url).href;
    const code = `import { telemetryAvailability } from ${JSON.stringify(url)};
      ${"LATE" in env ? 'Deno.env.set("OTEL_DENO", "true");' : ""}
      console.log(telemetryAvailability());`;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-config", "--no-check", "--no-prompt", ...permissions, "-"],
      env: { NO_COLOR: "1", OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1", ...env },
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    await new Blob([code]).stream().pipeTo(child.stdin);
    const { stdout } = await child.output();
    assert.equal(new TextDecoder().decode(stdout), `${expected}\n`);
  });
}
