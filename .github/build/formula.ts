/** Prints the Homebrew formula of a release: `formula.ts OWNER/REPOSITORY SHA256SUMS`. */

import denoJson from "../../deno.json" with { type: "json" };

/** The archives that the formula chooses from, by Homebrew's words for systems and processors. */
const TARGETS = {
  macos: { arm: "aarch64-apple-darwin", intel: "x86_64-apple-darwin" },
  linux: { arm: "aarch64-unknown-linux-gnu", intel: "x86_64-unknown-linux-gnu" },
} as const;

if (import.meta.main) {
  const [repository, sums] = Deno.args;
  if (repository === undefined || sums === undefined) {
    throw new Error("Usage: formula.ts OWNER/REPOSITORY SHA256SUMS");
  }
  console.log(formula(repository, await Deno.readTextFile(sums)).trimEnd());
}

/**
 * The text of sluice.rb.
 *
 * @param sums The lines of SHA256SUMS, with all four archives.
 *
 * @throws {Error} when an archive has no line
 */
export function formula(repository: string, sums: string): string {
  const { version, license } = denoJson;
  const sources = Object.entries(TARGETS).map(([system, targets]) => {
    const choices = Object.entries(targets).map(([processor, target]) => {
      const archive = `sluice-v${version}-${target}.tar.gz`;
      const url = `https://github.com/${repository}/releases/download/v${version}/${archive}`;
      return `    on_${processor} do
      url "${url}"
      sha256 "${sumOf(archive, sums)}"
    end
`;
    });
    return `  on_${system} do\n${choices.join("")}  end\n`;
  });
  return `class Sluice < Formula
  desc "TCP proxy for databases, services and tests"
  homepage "https://github.com/${repository}"
  version "${version}"
  license "${license}"

${sources.join("\n")}
  def install
    bin.install "sluice"
    pkgshare.install "config.example.yaml"
    (man1/"sluice.1").write Utils.safe_popen_read(bin/"sluice", "man")
    generate_completions_from_executable(bin/"sluice", "completions")
  end

  test do
    assert_equal version.to_s, JSON.parse(shell_output("#{bin}/sluice version --json"))["version"]
  end
end
`;
}

function sumOf(archive: string, sums: string): string {
  const line = sums.split("\n").find((each) => each.endsWith(` ${archive}`) || each.endsWith(`*${archive}`));
  const [, sum] = /^([0-9a-f]{64}) /.exec(line ?? "") ?? [];
  if (sum === undefined) throw new Error(`SHA256SUMS has no line for ${archive}`);
  return sum;
}
