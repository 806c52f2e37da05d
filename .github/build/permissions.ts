/**
 * What sluice may do, as flags for `deno run` and `deno compile`: the network, files, the environment and what
 * `Deno.hostname` and the like return; no other programs (run) and no native libraries (ffi), and no questions.
 * The executable, `deno task start` and `demo`, and the tests all take it from here.
 */
export const PERMISSIONS: readonly string[] = [
  "--allow-net",
  "--allow-read",
  "--allow-write",
  "--allow-env",
  "--allow-sys",
  "--no-prompt",
];
