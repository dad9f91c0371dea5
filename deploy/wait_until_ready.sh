# What check_image.sh and check_limits.sh do before they ask anything: wait, but not for a server that has ended; sourced, not run.

wait_until_ready() { # prints the time; `client` asks the server, `is_running` tells whether there is one
  local give_up_at=$((SECONDS + 900)) # an emulated processor takes long
  until client ready 5; do
    is_running || { echo "the server has ended before it was ready" >&2; return 1; }
    ((SECONDS < give_up_at)) || { echo "the server was not ready in time" >&2; return 1; }
  done
}
