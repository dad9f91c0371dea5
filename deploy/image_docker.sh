# How check_image.sh builds, runs and enters an image with docker; sourced, not run.

port=5000
readonly hardening=(--read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges)

build() { # shellcheck disable=SC2086 # options are words
  docker build ${BUILD_OPTIONS:-} "$@" -f "$dockerfile" -t "$image" .
}

open_image() { user=$(of_image '{{.Config.User}}'); }

of_image() { docker image inspect --format "$1" "$image"; }

save_image() { docker save --output "$1" "$image"; }

health_command() { of_image '{{.Config.Healthcheck.Test}}'; }

stop_signal() { of_image '{{.Config.StopSignal}}'; }

as_root() { docker run --rm --user 0 "$image" "$@"; } # in a container of its own, with the network

files() {
  local stopped
  stopped=$(docker create "$image")
  docker export "$stopped" | tar --list
  docker rm "$stopped" >/dev/null
}

megabytes_over_base() {
  docker image inspect "$base" >/dev/null 2>&1 || docker pull --quiet "$base" >/dev/null
  echo $((($(of_image '{{.Size}}') - $(docker image inspect --format '{{.Size}}' "$base")) / 1000000))
}

start() { server=$(docker run --detach "${hardening[@]}" "$image"); }

enter() { docker exec "$server" "$@"; }

client() { # outside the process ids of the server, which end with it
  docker run --rm --interactive --network "container:$server" "${hardening[@]}" "$image" \
    python -c "$(<deploy/image_client.py)" "$port" "$@"
}

is_running() { [[ $(docker inspect --format '{{.State.Running}}' "$server") == true ]]; }

stop() { docker kill --signal TERM "$server" >/dev/null; }

wait_for_end() { # sets `status`
  status=$(docker wait "$server")
  docker rm "$server" >/dev/null
  server=
}

close_image() { [[ -z ${server:-} ]] || docker rm --force "$server" >/dev/null; }
