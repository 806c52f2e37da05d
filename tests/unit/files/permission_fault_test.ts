import assert from "node:assert/strict";
import { permissionFault, withRemedy } from "../../../src/files/permission_fault.ts";

const REMEDIES: [message: string, file: string | undefined, remedy: string][] = [
  [
    'Requires net access to "10.0.0.1:80", run again with the --allow-net flag',
    undefined,
    "add 10.0.0.1:80 to --allow-net",
  ],
  [
    'Requires net access to "unix:/run/a.sock", run again',
    "/run/a.sock",
    "add unix:/run/a.sock to --allow-net",
  ],
  [
    'Requires net access to "unix:\0name", run again',
    undefined,
    "abstract sockets need --allow-net without a list",
  ],
  ['Requires read access to "/a/b", run again', undefined, "add /a/b to --allow-read"],
  ['Requires write access to "/a/log", run again', "/a/log", "add /a/log to --allow-write"],
  // A name beside or below the one that is configured.
  ['Requires write access to "/a/.123.new", run again', "/a/ready", "add /a to --allow-write"],
  ['Requires write access to "/a/store/server", run again', "/a/store", "add /a/store to --allow-write"],
  ["Requires write access to <TMP>, run again", "/tmp", "add /tmp to --allow-write"],
  // In an executable.
  [
    'Requires sys access to "hostname", specify the required permissions',
    undefined,
    "add hostname to --allow-sys",
  ],
  ["Requires something else", undefined, "Requires something else"],
];

for (const [message, file, remedy] of REMEDIES) {
  Deno.test(`permissionFault() of ${JSON.stringify(message)}`, () => {
    const fault = permissionFault(new Deno.errors.NotCapable(message), file);
    assert.equal(withRemedy(fault!), `not allowed by Deno (${remedy})`);
  });
}

Deno.test("permissionFault() of a device, which no list of paths can permit", () => {
  const error = new Deno.errors.NotCapable('Requires all access to "/dev/tty", run again');
  assert.equal(
    withRemedy(permissionFault(error, "/dev/tty")!),
    "Deno opens no such files without --allow-all (name one elsewhere)",
  );
});

Deno.test("permissionFault() leaves other errors to others", () => {
  assert.equal(permissionFault(new Deno.errors.PermissionDenied('Requires net access to "a",')), undefined);
  assert.equal(permissionFault(undefined), undefined);
});

Deno.test({
  name: "permissionFault() names what Deno itself refuses",
  permissions: { net: false, read: false, write: false, sys: false },
  fn: () => {
    const refused: [try_: () => unknown, remedy: string][] = [
      [() => Deno.listen({ hostname: "127.0.0.1", port: 0 }), "add 127.0.0.1:0 to --allow-net"],
      [() => Deno.readTextFileSync("/a/b"), "add /a/b to --allow-read"],
      [() => Deno.writeTextFileSync("/a/b", ""), "add /a/b to --allow-write"],
      [() => Deno.hostname(), "add hostname to --allow-sys"],
    ];
    for (const [attempt, remedy] of refused) {
      assert.throws(attempt, (error) => permissionFault(error)?.remedy === remedy, remedy);
    }
  },
});
