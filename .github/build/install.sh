#!/bin/sh
# Installs the executable of a release of sluice: sh install.sh --help says how.
# Everything is in functions that the last line calls, so that a part of this file does nothing.
set -eu

# The release replaces this by the repository that it belongs to.
REPOSITORY='@REPOSITORY@'

usage() {
  cat <<USAGE
Usage: sh install.sh [--version VERSION] [--dir DIRECTORY] [--dry-run]

Downloads the archive of a release for this machine, compares it with the release's SHA256SUMS, and puts the executable
"sluice" into a directory. Changes nothing else, and needs no root for a directory of yours.

Options:
  --version VERSION  such as 0.1.0; the latest release unless given
  --dir DIRECTORY    /usr/local/bin for root, else \$HOME/.local/bin
  --dry-run          say what would be done, and do nothing
  -h, --help         this text

Environment:
  SLUICE_MIRROR      where releases are, instead of https://github.com/OWNER/sluice/releases; below it are
                     latest/download/SHA256SUMS, download/vVERSION/SHA256SUMS and download/vVERSION/ARCHIVE

Exit codes: 0 installed, 1 it failed and nothing is installed, 2 wrong usage.
USAGE
}

say() { printf '%s\n' "$*"; }
fail() { printf 'install.sh: %s\n' "$*" >&2; exit 1; }
wrong() { printf 'install.sh: %s\nSee sh install.sh --help\n' "$*" >&2; exit 2; }
has() { command -v "$1" >/dev/null 2>&1; }

# Prints the target of this machine, as the names of archives have it.
find_target() {
  system=$(uname -s) machine=$(uname -m)
  case $machine in
    x86_64 | amd64) machine=x86_64 ;;
    aarch64 | arm64) machine=aarch64 ;;
    *) fail "no executable for the processor $machine: releases have x86_64 and aarch64" ;;
  esac
  case $system in
    Linux)
      if is_musl; then
        fail "this system has musl (Alpine?), and executables of Deno need glibc: use the container image, or a system with glibc"
      fi
      say "$machine-unknown-linux-gnu" ;;
    Darwin) say "$machine-apple-darwin" ;;
    MINGW* | MSYS* | CYGWIN* | Windows_NT) fail "for Windows, download the .zip of the release" ;;
    *) fail "no executable for $system: releases have Linux, macOS and Windows" ;;
  esac
}

# ldd of musl prints its name, and ends with an error.
is_musl() {
  has ldd || return 1
  case $(ldd --version 2>&1 || true) in *musl*) return 0 ;; esac
  return 1
}

# download URL FILE
download() {
  say "Downloading $1"
  if has curl; then
    # Where it begins with https, no redirect may lead to anything else.
    protocols='=http,https'
    case $1 in https:*) protocols='=https' ;; esac
    curl --proto "$protocols" --fail --silent --show-error --location --retry 2 --connect-timeout 30 --output "$2" "$1"
  elif has wget; then
    wget --quiet --tries=3 --timeout=30 --output-document="$2" "$1"
  else
    fail "needs curl or wget"
  fi || fail "cannot download $1"
}

# Prints the SHA-256 sum of a file.
sum_of() {
  if has sha256sum; then sha256sum "$1"
  elif has shasum; then shasum -a 256 "$1"
  elif has openssl; then openssl dgst -sha256 -r "$1"
  else fail "needs sha256sum, shasum or openssl"
  fi | cut -d ' ' -f 1
}

# The line of SHA256SUMS for this target, as "SUM NAME".
find_archive() {
  while read -r sum name; do
    name=${name#\*}
    case $name in
      sluice-v*-"$target".tar.gz) say "$sum $name"; return ;;
    esac
  done <"$1"
  fail "$releases has no archive for $target"
}

install_sluice() {
  temporary=$(mktemp -d) || fail "cannot create a temporary directory"
  trap 'rm -rf "$temporary"' EXIT
  trap 'exit 1' HUP INT TERM
  download "$sums" "$temporary/SHA256SUMS"
  found=$(find_archive "$temporary/SHA256SUMS") || exit 1
  expected=${found%% *} archive=${found#* }
  tag=${archive#sluice-} && tag=${tag%-"$target".tar.gz}
  [ -z "$version" ] || [ "$tag" = "v$version" ] || fail "$sums is about $tag"
  download "$releases/download/$tag/$archive" "$temporary/$archive"
  actual=$(sum_of "$temporary/$archive")
  [ "$actual" = "$expected" ] ||
    fail "the SHA-256 sum of $archive is $actual, and SHA256SUMS has $expected: nothing is installed"
  say "The SHA-256 sum is right: $actual"
  tar -xzf "$temporary/$archive" -C "$temporary" || fail "cannot unpack $archive"
  mkdir -p "$directory" || fail "cannot create $directory"
  # Renamed in one step, so that a sluice that runs from there goes on, and none is ever half written.
  new=$directory/.sluice.$$
  if ! { cp "$temporary/sluice-$tag-$target/sluice" "$new" && chmod 755 "$new" && mv -f "$new" "$directory/sluice"; }; then
    rm -f "$new"
    fail "cannot write to $directory: choose another with --dir"
  fi
  say "Installed $directory/sluice: $("$directory/sluice" --version)"
  case ":$PATH:" in
    *":$directory:"*) ;;
    *) say "$directory is not in PATH: add it, or run $directory/sluice" ;;
  esac
}

main() {
  version='' directory='' dry_run=false
  while [ $# -gt 0 ]; do
    case $1 in
      --version | --dir)
        [ -n "${2:-}" ] || wrong "option $1 needs a value"
        if [ "$1" = --dir ]; then directory=$2; else version=${2#v}; fi
        shift 2 ;;
      --dry-run) dry_run=true && shift ;;
      -h | --help) usage && exit 0 ;;
      *) wrong "unknown argument \"$1\"" ;;
    esac
  done
  target=$(find_target) || exit 1
  if [ -z "$directory" ]; then
    directory=${HOME:-}/.local/bin
    [ "$(id -u)" != 0 ] || directory=/usr/local/bin
  fi
  releases=${SLUICE_MIRROR:-https://github.com/$REPOSITORY/releases}
  releases=${releases%/}
  case $releases in *@REPOSITORY@*) fail "this is not the install.sh of a release: set SLUICE_MIRROR" ;; esac
  sums=$releases/latest/download/SHA256SUMS
  [ -z "$version" ] || sums=$releases/download/v$version/SHA256SUMS
  say "Installs sluice ${version:-(the latest release)} for $target as $directory/sluice"
  say "from $releases"
  if $dry_run; then say "This is a dry run: nothing is downloaded or written"; else install_sluice; fi
}

main "$@"
