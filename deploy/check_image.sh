#!/usr/bin/env bash
# Builds an image, runs it as the README says, checks what it promises, and prints a table.
# Usage: deploy/check_image.sh [BASE_IMAGE]      exit status 0: all is well, or there is nothing to build with
# DOCKERFILE=Dockerfile.gpu        default: Dockerfile.cpu
# IMAGE=opsin:gpu                  an image that is there already, instead of building one
# ENGINE=docker|buildah            default: docker where its engine answers, else buildah (as root or in its user namespace)
# BUILD_OPTIONS, BUILDAH_OPTIONS   more options, such as "--network host" and "--storage-driver vfs"
# MAX_MB, MAX_START_S              what is allowed over the base, and from the start to ready, where the machine does nothing else
# MAX_START_CPU_S                  what the start may take of processors, which holds on a busy machine, too
# IMAGE_OUT=FILE                   where to write an image that is as promised, as an archive
set -euo pipefail
cd "$(dirname "$0")/.."

dockerfile=${DOCKERFILE:-Dockerfile.cpu}
base=${1:-$(sed -n 's/^ARG BASE_IMAGE=//p' "$dockerfile")}
health_check="python -m server.healthcheck"
image=${IMAGE:-opsin:check-${dockerfile##*.}}
if [[ $dockerfile == *.cpu ]]; then max_mb=${MAX_MB:-150}; else max_mb=${MAX_MB:-8000}; fi
if [[ -z ${ENGINE:-} ]]; then
  if docker info >/dev/null 2>&1; then ENGINE=docker; else ENGINE=buildah; fi
fi
command -v "$ENGINE" >/dev/null || { echo "skipped: neither docker nor buildah is here, so no image can be built"; exit 0; }
if [[ $ENGINE == buildah && $(id -u) != 0 ]]; then exec buildah unshare env ENGINE=buildah "$0" "$@"; fi
# shellcheck source=deploy/image_buildah.sh
source "deploy/image_$ENGINE.sh"
source deploy/wait_until_ready.sh
trap close_image EXIT

rows=() failed=0
row() { # row WHAT PROMISED FOUND COMMAND...: COMMAND tells whether it is as promised
  local what=$1 promised=$2 found=$3 verdict=ok
  shift 3
  "$@" || { verdict=FAILED; failed=1; }
  rows+=("$what|$promised|$found|$verdict")
}
at_most() { awk "BEGIN { exit !($1 <= $2) }"; }
refused() { ! "$@"; }
found_files() { grep --max-count 3 --extended-regexp "$1" <<<"$all_files" | paste --serial --delimiters ' ' || true; }
contains_no() { # contains_no WHAT PATTERN
  local found
  found=$(found_files "$2")
  row "no $1" "" "$found" test -z "$found"
}

# Which packages of the base have been mended since it was made; its own archive knows.
readonly ask_archive='
  grep -rqse -security /etc/apt/sources.list /etc/apt/sources.list.d || { echo "not known: the base names no archive of them"; exit; }
  timeout 100 apt-get -qq -o APT::Update::Error-Mode=any update >/dev/null 2>&1 || { echo "not known: the archive was not reached"; exit; }
  apt-get -qq --simulate upgrade | sed -n "s/^Inst \([^ ]*\) .*-security.*/\1/p" | paste -s -d " "'

[[ -n ${IMAGE:-} ]] || build --build-arg "BASE_IMAGE=$base"
open_image

all_files=$(files)
if [[ $dockerfile == *.cpu ]]; then
  contains_no TensorFlow '/site-packages/(tensorflow|keras|tf_keras)/'
  contains_no tests '^[./]*(app/tests|opt/venv/.*/tests)(/|$)'
fi
contains_no compiler '/bin/([a-z0-9_]+-)*(gcc|g\+\+|cc|c\+\+|clang|ld|as)(-[0-9.]+)?$'
contains_no "pip in the environment" '^[./]*opt/venv/.*/pip(/|$)'
contains_no "package caches" '/\.cache/(pip|uv)/|var/cache/apt/archives/.*\.deb$|var/lib/apt/lists/.*Packages'
unmended=$(as_root sh -c "$ask_archive")
row "packages without a security fix" "" "$unmended" test -z "${unmended##not known*}"
contains_no "other rooms" '^[./]*app/(training|optimize|benchmarks|tests|docs|\.git)(/|$)'
size_mb=$(megabytes_over_base)
row "MB over the base" "<= $max_mb" "$size_mb" at_most "$size_mb" "$max_mb"

cpu_s() { # which all processes of the container have taken so far
  enter sh -c 'cat /proc/[0-9]*/stat 2>/dev/null || true' | sed 's/.*) //' |
    awk -v ticks="$(getconf CLK_TCK)" '{ sum += $12 + $13 + $14 + $15 } END { printf "%.2f", sum / ticks }'
}
smaller() { if at_most "$1" "$2"; then echo "$1"; else echo "$2"; fi; }
start_s=1000 start_cpu_s=1000 load=$(cut --delimiter ' ' --fields 1 /proc/loadavg)
for _ in 1 2 3; do # the first brings the files into memory
  started=$EPOCHREALTIME
  start
  ready_at=$(wait_until_ready) # which ends the check where it never is
  start_cpu_s=$(smaller "$(cpu_s)" "$start_cpu_s")
  start_s=$(smaller "$(awk "BEGIN { printf \"%.2f\", $ready_at - $started }")" "$start_s")
  stop
  wait_for_end
done
max_cpu_s=${MAX_START_CPU_S:-2.5}
row "CPU s from start to ready, best of 3" "<= $max_cpu_s" "$start_cpu_s" at_most "$start_cpu_s" "$max_cpu_s"
if at_most "$load" "$(nproc)"; then
  row "s from start to ready, best of 3" "<= ${MAX_START_S:-1.5}" "$start_s" at_most "$start_s" "${MAX_START_S:-1.5}"
else # the time tells of the others, too
  row "s from start to ready, best of 3" "<= ${MAX_START_S:-1.5} on a quiet machine" "$start_s at a load of $load" true
fi

start
wait_until_ready >/dev/null
uid=$(enter id -u)
row "user" "not root" "$uid" test "$uid" != 0
capabilities=$(enter grep CapBnd /proc/1/status | tr -d '[:space:]')
row "capabilities" none "${capabilities#*:}" test "$capabilities" = CapBnd:0000000000000000
root_options=$(enter awk '$2 == "/" { print $4 }' /proc/self/mounts | tail --lines 1)
row "root file system" ro "${root_options%%,*}" test "${root_options%%,*}" = ro
percent=$(client photos <tests/data/cifar10_sample.npz)
row "% of photos recognized" ">= 80" "$percent" at_most 80 "$percent"
row "health command" "[CMD $health_check]" "$(health_command)" test "$(health_command)" = "[CMD $health_check]"
# shellcheck disable=SC2086 # it is words
row "health command, served" "exit 0" "" enter $health_check
# shellcheck disable=SC2086
row "health command, not served" "exit 1" "" refused enter env OPSIN_PORT=1 $health_check
without_keys=$(enter env OPSIN_ALLOW_ANONYMOUS= OPSIN_PORT=0 timeout 120 python -m server 2>&1 && echo "exit 0" || echo "exit $?")
found=$(grep --only-matching --max-count 1 OPSIN_ALLOW_ANONYMOUS=1 <<<"$without_keys" || true)
row "start for all, neither keys nor leave" "exit 2, names what to set" "${without_keys##*$'\n'}, ${found:-nothing}" \
  test "${without_keys##*$'\n'}, $found" = "exit 2, OPSIN_ALLOW_ANONYMOUS=1"

drain_log=$(mktemp)
client drain >"$drain_log" &
drain=$!
until grep --quiet sent "$drain_log"; do sleep 0.01; done
stop
wait_for_end
wait "$drain" || true
answered=$(tail --lines 1 "$drain_log")
rm "$drain_log"
row "$(stop_signal): images in flight answered" "16/16" "$answered" test "$answered" = 16/16
row "$(stop_signal): exit status" 0 "$status" test "$status" = 0

printf '\n%s, %s, over %s\n' "$dockerfile" "$ENGINE" "$base"
for line in "what|promised|found|" "${rows[@]}"; do
  IFS='|' read -r what promised found verdict <<<"$line"
  printf '%-38s %-36s %-36s %s\n' "$what" "$promised" "$found" "$verdict"
done
if [[ $failed == 0 && -n ${IMAGE_OUT:-} ]]; then save_image "$IMAGE_OUT"; fi
exit "$failed"
