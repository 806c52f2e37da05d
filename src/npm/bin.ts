/** `npx sluice`: runs the program with these arguments, and ends as it ends. */

import { spawn } from "node:child_process";
import process from "node:process";
import { sluiceCommand } from "./program.ts";

const { program, args } = sluiceCommand(process.argv.slice(2));
const child = spawn(program, args, { stdio: "inherit", env: { ...process.env, DENO_NO_UPDATE_CHECK: "1" } });
// A terminal sends Ctrl-C to both; signals of a process manager come here only.
for (const signal of ["SIGTERM", "SIGHUP", "SIGUSR2", "SIGINT"] as const) {
  process.on(signal, () => signal === "SIGINT" && process.stdin.isTTY || child.kill(signal));
}
child.on("error", (error) => {
  process.stderr.write(`sluice: cannot start its runtime: ${error.message}\n`);
  process.exitCode = 1;
});
child.on("exit", (code, signal) => {
  if (signal === null) process.exitCode = code ?? 1;
  else {
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  }
});
