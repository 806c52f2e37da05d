/**
 * Runs a program with the restrictions of a unit of systemd, without systemd: file systems, capabilities
 * and system calls. Needs Linux, root, util-linux, python3 and libseccomp, which systemd itself uses. The user stays
 * root without its capabilities, because Deno's cache is the user's.
 */

/** Mounts of ProtectSystem=strict, PrivateTmp=yes, ProtectProc=invisible and ProcSubset=pid; Deno's cache stays. */
const MOUNTS = `
set -e
mount --make-rprivate /
for writable in /tmp /dev/shm "\${DENO_DIR:-$HOME/.cache/deno}"; do
  [ ! -d "$writable" ] || mount --bind "$writable" "$writable"
done
mount -o remount,bind,ro /
mount -t proc -o subset=pid,hidepid=invisible proc /proc
exec "$@"
`;

/** Filters of SystemCallFilter= and RestrictAddressFamilies=, as systemd makes them with the same library. */
const FILTER = `
import ctypes, os, re, subprocess, sys
unit, command = sys.argv[1], sys.argv[2:]
FAMILIES = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10, "AF_NETLINK": 16}
ALLOW, EPERM, EAFNOSUPPORT, EQUAL = 0x7fff0000, 0x00050001, 0x00050061, 4

def members(name):
    if not name.startswith("@"): return {name}
    listing = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager", name],
                             capture_output=True, text=True, check=True).stdout
    lines = [line.strip() for line in listing.splitlines()[1:]]
    return set().union(*[members(line) for line in lines if line and not line.startswith("#")])

class Compare(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]

allowed, families = set(), []
for key, value in re.findall(r"^(\\w+)=(.*)$", open(unit).read(), re.M):
    if key == "SystemCallFilter":
        names = set().union(*[members(name) for name in value.lstrip("~").split()])
        allowed = allowed - names if value.startswith("~") else allowed | names
    if key == "RestrictAddressFamilies": families = [FAMILIES[name] for name in value.split()]
assert len(allowed) > 100 and families

lib = ctypes.CDLL("libseccomp.so.2")
lib.seccomp_init.restype = ctypes.c_void_p
lib.seccomp_rule_add_array.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p]
def check(result): assert result == 0, result
context = ctypes.c_void_p(lib.seccomp_init(ctypes.c_uint32(EPERM)))
socket = lib.seccomp_syscall_resolve_name(b"socket")
for name in allowed:
    number = lib.seccomp_syscall_resolve_name(name.encode())
    if number >= 0 and number != socket: check(lib.seccomp_rule_add_array(context, ALLOW, number, 0, None))
for family in families:
    check(lib.seccomp_rule_add_array(context, ALLOW, socket, 1, ctypes.byref(Compare(0, EQUAL, family, 0))))
check(lib.seccomp_load(context))
os.execvp(command[0], command)
`;

/** The command before a program that gives it the restrictions of the unit at `path`. */
export function unitSandbox(path: string): string[] {
  const unit = Deno.readTextFileSync(path);
  const settingOf = (key: string) => new RegExp(`^${key}=(.*)$`, "m").exec(unit)?.[1] ?? missing(key);
  for (const key of ["ProtectSystem", "PrivateTmp", "ProtectProc", "ProcSubset", "NoNewPrivileges"]) {
    settingOf(key);
  }
  const capabilities = (key: string) => {
    const names = settingOf(key).toLowerCase().split(" ").map((name) => name.replace("cap_", "+"));
    return ["-all", ...names].join(",");
  };
  return [
    ...["unshare", "--mount", "sh", "-c", MOUNTS, "sh"],
    "setpriv",
    "--no-new-privs",
    `--bounding-set=${capabilities("CapabilityBoundingSet")}`,
    `--inh-caps=${capabilities("AmbientCapabilities")}`,
    `--ambient-caps=${capabilities("AmbientCapabilities")}`,
    ...["python3", "-c", FILTER, path],
  ];
}

function missing(key: string): never {
  throw new Error(`The unit has no ${key}=`);
}
