import assert from "node:assert/strict";
import { ActivatedSockets, type ActivationVariable } from "../../../../src/net/socket/activation.ts";
import { ListenError } from "../../../../src/net/socket/listen_error.ts";

/** The error for a name, in an environment of this process. */
async function errorFor(
  name: string,
  variables: Partial<Record<ActivationVariable, string>>,
): Promise<string> {
  const sockets = new ActivatedSockets((variable) => variables[variable], 7);
  let message = "";
  await assert.rejects(() => sockets.resolve({ transport: "systemd", name }), (error) => {
    message = (error as Error).message;
    return error instanceof ListenError && error.code === "address_not_available";
  });
  return message;
}

Deno.test("ActivatedSockets says why there is no such socket, and what to do", async () => {
  const two = { LISTEN_PID: "7", LISTEN_FDS: "2", LISTEN_FDNAMES: "web:db" };
  const start = "Cannot listen on systemd:web:";
  for (const LISTEN_FDS of [undefined, "0", "many"]) {
    assert.equal(
      await errorFor("web", LISTEN_FDS === undefined ? {} : { ...two, LISTEN_FDS }),
      `${start} no service manager has passed sockets (LISTEN_FDS is not set: start the .socket unit)`,
    );
  }
  assert.equal(
    await errorFor("web", { ...two, LISTEN_PID: "8" }),
    `${start} the sockets are for process 8 (LISTEN_PID), and this one is 7`,
  );
  assert.equal(
    await errorFor("web:2", two),
    'Cannot listen on systemd:web:2: only one socket has the name "web"',
  );
  assert.equal(
    await errorFor("web:3", { ...two, LISTEN_FDNAMES: "web:web" }),
    'Cannot listen on systemd:web:3: only 2 sockets have the name "web"',
  );
  assert.equal(
    await errorFor("mail", { ...two, LISTEN_FDS: "3" }),
    'Cannot listen on systemd:mail: no socket has that name, but "web", "db", "unknown" ' +
      "(FileDescriptorName= in the .socket unit)",
  );
});

Deno.test({
  name: "ActivatedSockets finds a descriptor that is no socket",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    // No process has so many descriptors.
    const names = Array.from({ length: 2000 }, (_, index) => `n${index}`).join(":");
    const variables = { LISTEN_PID: "7", LISTEN_FDS: "2000", LISTEN_FDNAMES: names };
    assert.match(await errorFor("n1999", variables), /: its descriptor is not a socket$/);
  },
});
