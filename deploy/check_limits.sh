#!/usr/bin/env bash
# Runs an image with little: half a core, MEMORY_MB of memory, the 64 MB of /dev/shm that containers have, no capability and
# seccomp's default filter. Sends it large pictures, and tells what it took and whether the kernel killed any process of it.
# Usage: deploy/check_limits.sh IMAGE      exit status 0: it answered and nothing was killed, or there is no engine here
# MEMORY_MB=512, LOAD_S=20         ENGINE=docker, or buildah (with crun, as root)
# BUILDAH_OPTIONS                  such as "--storage-driver vfs"
set -euo pipefail
cd "$(dirname "$0")/.."

image=${1:?usage: deploy/check_limits.sh IMAGE}
memory_mb=${MEMORY_MB:-512} load_s=${LOAD_S:-20}
if [[ -z ${ENGINE:-} ]]; then
  if docker info >/dev/null 2>&1; then ENGINE=docker; else ENGINE=buildah; fi
fi
for needed in "$ENGINE" $([[ $ENGINE == docker ]] || echo crun); do
  command -v "$needed" >/dev/null || { echo "skipped: $needed is not here (apt-get install buildah crun)"; exit 0; }
done
source deploy/wait_until_ready.sh
work=$(mktemp -d)

if [[ $ENGINE == docker ]]; then
  port=5000
  server=$(docker run --detach --cpus 0.5 --memory "${memory_mb}m" --memory-swap "${memory_mb}m" --cap-drop ALL \
    --read-only --tmpfs /tmp --security-opt no-new-privileges "$image")
  group_name="*$server*"
  trap 'docker rm --force "$server" >/dev/null; rm -r "$work"' EXIT
  client() { docker run --rm --interactive --network "container:$server" "$image" python -c "$(<deploy/image_client.py)" "$port" "$@"; }
  is_running() { [[ $(docker inspect --format '{{.State.Running}}' "$server") == true ]]; }
  logs() { docker logs "$server" 2>&1; }
else
  port=$((20000 + RANDOM % 10000)) group_name="buildah-buildah*"
  # shellcheck disable=SC2086 # options are words
  b() { buildah ${BUILDAH_OPTIONS:-} "$@"; }
  container=$(b from --memory "${memory_mb}m" --memory-swap "${memory_mb}m" --cpu-period 100000 --cpu-quota 50000 "$image")
  other=$(b from "$image") user=$(b inspect --type image --format '{{.OCIv1.Config.User}}' "$image")
  # crun refuses a machine that has both versions of control groups, so it sees one.
  readonly in_namespace='if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi; exec buildah "$@"'
  inside() { # shellcheck disable=SC2086
    unshare --mount bash -c "$in_namespace" - ${BUILDAH_OPTIONS:-} run --isolation oci --runtime "$(command -v crun)" \
      --network host --cap-drop ALL --user "$user" --env "OPSIN_PORT=$port" "$@"
  }
  inside "$container" -- python -m server >"$work/log" 2>&1 &
  server=$!
  trap '[[ ! -d ${group:-} ]] || xargs --no-run-if-empty kill <"$group/cgroup.procs" || true; wait "$server" || true; b rm "$container" "$other" >/dev/null; rm -r "$work"' EXIT
  client() { inside "$other" -- python -c "$(<deploy/image_client.py)" "$port" "$@"; }
  is_running() { kill -0 "$server" 2>/dev/null; }
  logs() { cat "$work/log"; }
fi

find_group() {
  group=$(find /sys/fs/cgroup -type d -name "$group_name" -newer "$work" \
    \( -exec test -e {}/memory.max \; -o -exec test -e {}/memory.limit_in_bytes \; \) -print -quit)
}
if ! wait_until_ready >/dev/null; then
  find_group
  logs | sed 's/^/    /'
  echo "$ENGINE, half a core, $memory_mb MiB: it does not serve"
  exit 1
fi
find_group
of_group() { # of_group FILE_OF_VERSION_2 FILE_OF_VERSION_1
  if [[ -e $group/$1 ]]; then cat "$group/$1"; else cat "$group/$2"; fi
}
answered=$(client press "$load_s")
if [[ ! -d $group ]]; then
  logs | sed 's/^/    /'
  echo "$ENGINE, half a core, $memory_mb MiB: the container has ended; $answered"
  exit 1
fi
took_mb=$(($(of_group memory.peak memory.max_usage_in_bytes) / 1000000))
killed=$(of_group memory.events memory.oom_control | awk '$1 == "oom_kill" { print $2 }')
logs | sed 's/^/    /'
echo "$ENGINE, half a core, $memory_mb MiB: at most $took_mb MB, $killed processes killed for want of memory; $answered"
[[ $killed == 0 && $answered != *"cut off"* && $answered == *"200"* ]]
