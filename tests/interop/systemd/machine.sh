#!/bin/sh
# Boots systemd as process 1 of namespaces of its own, with a copy of this system: an overlay over /, whose changes are
# kept in memory. machine.ts runs it. Needs Linux and root.
#
#   machine.sh boot NAME [SOURCE=TARGET...]  until the end of standard input; prints "init PID" when systemd begins
#   machine.sh probe NAME                    fails if that cannot work here, with the reason
#
# NAME is that of a cgroup that does not exist yet. SOURCE is shown to the machine as TARGET. Nothing is left behind, also
# when the program at the other end of standard input is killed: mounts and links end with their namespaces.
set -eu

# The units of this system that a booted one consists of. Everything else, such as its servers, stays away.
UNITS="basic.target final.target local-fs.target multi-user.target network-online.target network.target paths.target
shutdown.target slices.target sockets.target swap.target sysinit.target timers.target umount.target
systemd-journald.service systemd-journald.socket systemd-journald-dev-log.socket"

root=/mnt/root

# Mounts over / and makes the cgroup. /mnt exists everywhere; in this namespace it is a file system in memory.
prepare() {
  mount -t tmpfs -o mode=755 tmpfs /mnt
  mkdir /mnt/upper /mnt/work /mnt/root /mnt/cgroup
  mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay "$root"
  mount -t cgroup2 cgroup2 /mnt/cgroup
  cgroup=/mnt/cgroup/$1
  mkdir "$cgroup"
  trap remove_cgroups EXIT
}

remove_cgroups() {
  trap - EXIT
  find "$cgroup" -depth -type d -exec rmdir {} +
}

probe() {
  prepare "$1"
  remove_cgroups
}

boot() {
  # For the error of a start that fails.
  exec 2>&1
  prepare "$1"
  shift
  for pair in "$@"; do
    show "${pair%%=*}" "$root${pair#*=}"
  done
  # shellcheck disable=SC2016 # the inner shell expands it
  unshare --pid --fork --kill-child sh -c \
    'echo 0 >"$1/cgroup.procs" && exec unshare --cgroup --mount sh "$0" start' "$0" "$cgroup" &
  namespace=$!
  cat >/dev/null
  kill -KILL "$(cat "/proc/$namespace/task/$namespace/children")" || true
  # All processes of the namespace have ended by then.
  wait "$namespace" || true
  remove_cgroups
}

# show SOURCE TARGET: both are files, or both are directories.
show() {
  mkdir -p "$(dirname "$2")"
  if [ -d "$1" ]; then mkdir -p "$2"; else : >"$2"; fi
  mount --bind "$1" "$2"
}

# Becomes systemd.
start() {
  # In the /proc of this system, where another process can find this one.
  read -r pid _ </proc/self/stat
  cd "$root"
  mount --make-rprivate /
  keep_units
  mount_devices
  mount -t proc proc proc
  mount -t sysfs sysfs sys
  mount -t cgroup2 cgroup2 sys/fs/cgroup
  mount -t tmpfs -o mode=755 tmpfs run
  mount -t tmpfs -o mode=1777 tmpfs tmp
  : >etc/fstab
  ip link set lo up
  mkdir run/old
  pivot_root . run/old
  umount --lazy run/old
  rmdir run/old
  # Credentials of a service are mounted by a child of systemd, and have to appear here.
  mount --make-rshared /
  echo "init $pid"
  exec env -i container=sluice-test PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --unit=multi-user.target
}

keep_units() {
  mkdir /mnt/units
  for unit in $UNITS; do cp "lib/systemd/system/$unit" /mnt/units; done
  for directory in lib/systemd/system lib/systemd/system-generators etc/systemd/system etc/systemd/system-generators \
    usr/local/lib/systemd/system; do
    if [ -d "$directory" ]; then
      rm -rf "$directory"
      mkdir "$directory"
    fi
  done
  mv /mnt/units/* lib/systemd/system
  mkdir lib/systemd/system/sockets.target.wants
  ln -s ../systemd-journald.socket lib/systemd/system/sockets.target.wants
}

# Of its own: systemd and its journal make files in /dev.
mount_devices() {
  mount -t tmpfs -o mode=755 tmpfs dev
  for node in null zero full random urandom tty; do show "/dev/$node" "dev/$node"; done
  mkdir dev/pts dev/shm
  mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
  ln -s pts/ptmx dev/ptmx
  mount -t tmpfs -o mode=1777 tmpfs dev/shm
  : >dev/console
}

"$@"
