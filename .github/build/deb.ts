/**
 * Builds a Debian package around an executable, with dpkg-deb:
 * `deb.ts --executable FILE --architecture amd64|arm64 --maintainer "NAME <ADDRESS>" --output DIRECTORY`.
 *
 * It installs the executable, its man page and completions, the units for systemd, and /etc/sluice/sluice.yaml, which
 * dpkg keeps as its administrator changed it. It starts nothing: what to proxy is for the administrator to say.
 */

import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import denoJson from "../../deno.json" with { type: "json" };

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** The glibc that Deno's executables need, by the versions of the symbols that they import. */
const DEPENDS = "libc6 (>= 2.27), libgcc-s1";

const CONFIGURATION =
  `# The configuration of sluice: see /usr/share/doc/sluice/config.example.yaml for every key. After a change:
#   sluice check /etc/sluice/sluice.yaml && systemctl reload sluice
services:
  - name: example
    listen: 127.0.0.1:5000
    upstream: 127.0.0.1:5432
`;

/** systemd looks at its units again. The service is neither enabled nor started. */
const AFTER = `#!/bin/sh
set -e
if [ -z "\${DPKG_ROOT:-}" ] && [ -d /run/systemd/system ]; then
  systemctl --system daemon-reload || true
fi
`;

/**
 * A service that is removed stops, its socket first, which would start it again; one that is upgraded goes on with its
 * executable until it is restarted.
 */
const BEFORE_REMOVAL = `#!/bin/sh
set -e
if [ "$1" = remove ] && [ -z "\${DPKG_ROOT:-}" ] && [ -d /run/systemd/system ]; then
  systemctl --no-reload disable --now sluice.socket sluice.service || true
fi
`;

export interface DebOptions {
  readonly executable: string;
  readonly architecture: string;
  readonly maintainer: string;
  /** The directory to write to. */
  readonly output: string;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      executable: { type: "string" },
      architecture: { type: "string" },
      maintainer: { type: "string" },
      output: { type: "string", default: "dist" },
    },
  });
  const { executable, architecture, maintainer, output } = values;
  if (executable === undefined || architecture === undefined || maintainer === undefined) {
    throw new Error("--executable, --architecture and --maintainer are needed");
  }
  console.log(await buildDeb({ executable, architecture, maintainer, output }));
}

/** Builds the package and returns its path. */
export async function buildDeb(
  { executable, architecture, maintainer, output }: DebOptions,
): Promise<string> {
  const tree = await Deno.makeTempDir({ prefix: "sluice-deb-" });
  try {
    await Deno.chmod(tree, 0o755);
    await writeTree(tree, executable);
    await writeControl(tree, { architecture, maintainer });
    const file = join(output, `sluice_${denoJson.version}_${architecture}.deb`);
    await runProgram("dpkg-deb", ["--root-owner-group", "--build", tree, file]);
    return file;
  } finally {
    await Deno.remove(tree, { recursive: true });
  }
}

async function writeTree(tree: string, executable: string): Promise<void> {
  const put = async (path: string, content: string | Uint8Array, mode = 0o644) => {
    const file = join(tree, path);
    await Deno.mkdir(dirname(file), { recursive: true });
    await Deno.writeFile(file, typeof content === "string" ? new TextEncoder().encode(content) : content);
    await Deno.chmod(file, mode);
  };
  const read = (path: string) => Deno.readTextFile(join(ROOT, path));
  const [unit, socket, example, license, changelog] = await Promise.all(
    [
      "docs/deploy/sluice.service",
      "docs/deploy/sluice.socket",
      "config.example.yaml",
      "LICENSE",
      "docs/CHANGELOG.md",
    ].map(read),
  );
  const [man, bash, zsh, fish] = await Promise.all(
    [["man"], ...["bash", "zsh", "fish"].map((shell) => ["completions", shell])].map((args) =>
      runProgram(executable, args)
    ),
  );
  await put("usr/bin/sluice", await Deno.readFile(executable), 0o755);
  await put("usr/share/man/man1/sluice.1.gz", gzipSync(man!, { level: 9 }));
  await put("usr/share/bash-completion/completions/sluice", bash!);
  await put("usr/share/zsh/vendor-completions/_sluice", zsh!);
  await put("usr/share/fish/vendor_completions.d/sluice.fish", fish!);
  await put("usr/lib/systemd/system/sluice.service", unit!.replaceAll("/usr/local/bin/", "/usr/bin/"));
  await put("usr/lib/systemd/system/sluice.socket", socket!);
  await put("etc/sluice/sluice.yaml", CONFIGURATION);
  await put("usr/share/doc/sluice/config.example.yaml", example!);
  await put("usr/share/doc/sluice/copyright", copyrightOf(license!));
  await put("usr/share/doc/sluice/changelog.gz", gzipSync(changelog!, { level: 9 }));
}

async function writeControl(
  tree: string,
  { architecture, maintainer }: Pick<DebOptions, "architecture" | "maintainer">,
) {
  const control = join(tree, "DEBIAN");
  await Deno.mkdir(control);
  const texts: [name: string, text: string, mode: number][] = [
    ["control", controlText(architecture, maintainer, await sizeOf(tree)), 0o644],
    ["conffiles", "/etc/sluice/sluice.yaml\n", 0o644],
    ["postinst", AFTER, 0o755],
    ["postrm", AFTER, 0o755],
    ["prerm", BEFORE_REMOVAL, 0o755],
  ];
  for (const [name, text, mode] of texts) {
    await Deno.writeTextFile(join(control, name), text);
    await Deno.chmod(join(control, name), mode);
  }
}

/** @param size Of the installed files, in KiB. */
function controlText(architecture: string, maintainer: string, size: number): string {
  return `Package: sluice
Version: ${denoJson.version}
Architecture: ${architecture}
Maintainer: ${maintainer}
Installed-Size: ${size}
Depends: ${DEPENDS}
Section: net
Priority: optional
Description: TCP proxy for databases, services and tests
 sluice listens on ports or unix sockets, picks an upstream for each client,
 and relays and counts bytes both ways, with limits, TLS, health checks,
 reload and drain. It never reads the protocol that it carries.
 .
 The service is installed, but neither enabled nor started.
`;
}

function copyrightOf(license: string): string {
  const lines = license.trimEnd().split("\n").map((line) => line === "" ? " ." : ` ${line}`);
  const [, holder = "the authors of sluice"] = /^Copyright \(c\) (.*)$/m.exec(license) ?? [];
  return [
    "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/",
    "",
    "Files: *",
    `Copyright: ${holder}`,
    `License: ${denoJson.license}`,
    ...lines,
    "",
  ].join("\n");
}

/** In KiB, each file rounded up. */
async function sizeOf(directory: string): Promise<number> {
  let size = 0;
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    const path = join(directory, name);
    size += isDirectory ? await sizeOf(path) : Math.ceil((await Deno.stat(path)).size / 1024);
  }
  return size;
}

/** What a program prints. @throws {Error} with its errors, when it fails. */
async function runProgram(program: string, args: string[]): Promise<Uint8Array<ArrayBuffer>> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args, stdin: "null" }).output();
  if (!success) throw new Error(`${program} ${args.join(" ")} failed: ${new TextDecoder().decode(stderr)}`);
  return stdout;
}
