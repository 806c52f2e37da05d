#!/usr/bin/env bash
# Runs a container image as docs/deploy/container.md says, and checks what that page promises:
# try_image.sh IMAGE, with the program in CONTAINER_ENGINE, or docker.
set -euo pipefail
image=$1
engine=${CONTAINER_ENGINE:-docker}
limits=(--read-only --cap-drop=ALL --security-opt=no-new-privileges)
folder=$(mktemp -d)
container=
finish() {
  [[ -z $container ]] || "$engine" rm --force "$container" >/dev/null
  rm -rf "$folder"
}
trap finish EXIT

fail() {
  echo "try_image.sh: $*" >&2
  [[ -z $container ]] || "$engine" logs "$container" >&2
  exit 1
}

[[ $("$engine" inspect --format '{{.Config.User}}' "$image") == 65532:65532 ]] || fail "the user is not 65532"
"$engine" run --rm "${limits[@]}" "$image" version --json
! "$engine" run --rm --entrypoint /bin/sh "$image" -c true 2>/dev/null || fail "there is a shell"

cat >"$folder/sluice.yaml" <<YAML
admin: { listen: 127.0.0.1:9000 }
services: [{ name: test, listen: 0.0.0.0:5000, upstream: 127.0.0.1:9000 }]
YAML
chmod -R a+rX "$folder"
container=$("$engine" run --detach "${limits[@]}" --publish 127.0.0.1::5000 \
  --volume "$folder/sluice.yaml:/etc/sluice/sluice.yaml:ro" "$image")
for _ in {1..60}; do
  health=$("$engine" inspect --format '{{.State.Health.Status}}' "$container")
  [[ $health != healthy ]] || break
  sleep 1
done
[[ $health == healthy ]] || fail "it is $health"
# Through the proxy, to its own admin interface.
address=$("$engine" port "$container" 5000/tcp | head -n 1)
curl --fail --silent --show-error "http://$address/readyz" || fail "it relays nothing"
"$engine" stop --time 20 "$container" >/dev/null
code=$("$engine" inspect --format '{{.State.ExitCode}}' "$container")
[[ $code == 0 ]] || fail "it stopped with code $code"
echo
echo "$image works"
