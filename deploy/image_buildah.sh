# How check_image.sh builds, runs and enters an image where there is buildah alone; sourced, not run.
# The container is made of Linux's own tools: a root that is mounted read-only, /tmp, /dev and /proc of its own, its own
# process ids, the image's user, no capability and no way to gain one. It shares the network of the machine.
# EMULATED   a folder with cpuinfo and sys in place of the machine's, for an image of a processor that qemu stands for

port=$((20000 + RANDOM % 10000))
export BUILDAH_ISOLATION=${BUILDAH_ISOLATION:-chroot}

# shellcheck disable=SC2086 # options are words
buildah() { command buildah ${BUILDAH_OPTIONS:-} "$@"; }

build() { # shellcheck disable=SC2086 # options are words
  buildah bud --format docker ${BUILD_OPTIONS:-} "$@" -f "$dockerfile" -t "$image" .
}

open_image() {
  container=$(buildah from "$image")
  root=$(buildah mount "$container")
  mapfile -t variables < <(of_image '{{range .OCIv1.Config.Env}}{{println .}}{{end}}' | grep .)
  mapfile -t command < <(of_image '{{range .OCIv1.Config.Cmd}}{{println .}}{{end}}' | grep .)
  user=$(of_image '{{.OCIv1.Config.User}}')
  folder=$(of_image '{{.OCIv1.Config.WorkingDir}}')
}

of_image() { buildah inspect --type image --format "$1" "$image"; }

save_image() { buildah push --quiet "$image" "oci-archive:$1:${image#localhost/}" >/dev/null; }

health_command() { of_image '{{.Docker.Config.Healthcheck.Test}}'; }

stop_signal() { of_image '{{.OCIv1.Config.StopSignal}}'; }

as_root() { # in a container of its own, with the network
  local own status=0
  own=$(buildah from "$image")
  buildah run --user 0 --network host "$own" -- "$@" || status=$?
  buildah rm "$own" >/dev/null
  return "$status"
}

files() { (cd "$root" && find . -xdev); }

megabytes_over_base() {
  local base_container base_root
  base_container=$(buildah from "$base")
  base_root=$(buildah mount "$base_container")
  echo $((($(bytes_of "$root") - $(bytes_of "$base_root")) / 1000000))
  buildah rm "$base_container" >/dev/null
}

bytes_of() { du --apparent-size --block-size=1 --summarize "$1" | cut -f 1; }

# Runs a command as the image's user in namespaces that `unshare` has made.
readonly in_namespaces='
  set -e
  root=$1; shift
  mount --bind "$root" "$root"
  mount -o remount,bind,ro "$root"
  mount -t proc proc "$root/proc"
  mount --bind "${EMULATED:-}/sys" "$root/sys"
  if [[ -n ${EMULATED:-} ]]; then mount --bind "$EMULATED/cpuinfo" "$root/proc/cpuinfo"; fi
  mount -t tmpfs -o mode=1777,size=64m tmpfs "$root/tmp"
  mount -t tmpfs -o mode=755 tmpfs "$root/dev"
  mkdir -m 1777 "$root/dev/shm"
  for device in null zero full random urandom; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
  done
  exec chroot "$root" "$@"'

as_user() { # as_user COMMAND...: the words that run it, for the shell that reads them into `words`
  # shellcheck disable=SC2086 # settings are words
  local more=${EMULATED:+QEMU_CPU=$QEMU_CPU OPSIN_REQUEST_TIMEOUT_MS=300000 OPSIN_ENGINE_TIMEOUT_MS=300000}
  words=(/usr/bin/setpriv "--reuid=${user%:*}" "--regid=${user#*:}" --clear-groups --bounding-set=-all --inh-caps=-all
    --no-new-privs /usr/bin/env -i "--chdir=$folder" "${variables[@]}" "OPSIN_PORT=$port" $more "$@")
}

start() {
  as_user "${command[@]}"
  unshare --mount --pid --fork --kill-child bash -c "$in_namespaces" - "$root" "${words[@]}" &
  server=$!
}

process() { tr -d ' ' <"/proc/$server/task/$server/children"; }

enter() {
  as_user "$@"
  nsenter --target "$(process)" --mount --pid --root "${words[@]}"
}

client() { # outside the process ids of the server, which end with it
  as_user python -c "$(<deploy/image_client.py)" "$port" "$@"
  unshare --mount --pid --fork bash -c "$in_namespaces" - "$root" "${words[@]}"
}

is_running() { kill -0 "$server" 2>/dev/null; }

stop() { kill -TERM "$(process)"; }

wait_for_end() { # sets `status`
  status=0
  wait "$server" || status=$?
  server=
}

close_image() {
  [[ -z ${server:-} ]] || kill -KILL "$server" 2>/dev/null || true
  [[ -z ${container:-} ]] || buildah rm "$container" >/dev/null
}
