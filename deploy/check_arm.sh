#!/usr/bin/env bash
# Builds Dockerfile.cpu for arm64 and checks the image as check_image.sh does, on an emulated Cortex-A72, a Raspberry Pi 4's.
# Takes root, buildah, debootstrap, qemu-user-static (Debian's), and half an hour of a machine with nothing else to do. Once,
# it registers qemu with the kernel (binfmt_misc), if nothing has, and makes a base of Debian's Python.
# What an emulation cannot show: how fast it is, and the order of stores (x86 keeps it; server/engine/fence.py).
set -euo pipefail
cd "$(dirname "$0")/.."

base=${1:-localhost/debian-python:3.11-arm64}
export ENGINE=buildah BUILDAH_OPTIONS=${BUILDAH_OPTIONS:---storage-driver vfs}
export BUILD_OPTIONS="--arch arm64 --network host -v /etc/ssl/certs:/etc/ssl/certs:ro ${BUILD_OPTIONS:-}"
for needed in buildah debootstrap qemu-aarch64-static; do
  command -v "$needed" >/dev/null || { echo "skipped: $needed is not here (apt-get install buildah debootstrap qemu-user-static)"; exit 0; }
done
b() { # shellcheck disable=SC2086 # options are words
  buildah $BUILDAH_OPTIONS "$@"
}

kernel=/proc/sys/fs/binfmt_misc
[[ -e $kernel/register ]] || mount -t binfmt_misc binfmt_misc "$kernel"
if [[ ! -e $kernel/qemu-aarch64 ]]; then
  # An ELF file for AArch64; F: the kernel keeps qemu open, so that it need not be in the image.
  head='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
  mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
  printf '%s' ":qemu-aarch64:M::$head:$mask:$(command -v qemu-aarch64-static):F" >"$kernel/register"
fi

work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
if ! b images --quiet "$base" >/dev/null 2>&1; then
  debootstrap --arch=arm64 --variant=minbase --include=python3,python3-venv,python3-pip bookworm "$work/root" >/dev/null
  rm -rf "$work"/root/var/cache/apt/archives/*.deb "$work"/root/var/lib/apt/lists/*
  ln -sf python3 "$work/root/usr/bin/python"
  container=$(b from --arch arm64 scratch)
  b add --quiet "$container" "$work/root" / >/dev/null
  b config --arch arm64 --env PIP_BREAK_SYSTEM_PACKAGES=1 "$container"
  b commit --quiet --rm "$container" "$base" >/dev/null
fi

# LiteRT reads there which processors there are; the host's are none of Arm. Without, it takes its slow kernels, and a
# probability differs by up to 0.05.
for number in 0 1; do
  mkdir -p "$work/sys/devices/system/cpu/cpu$number"
  printf 'processor\t: %s\nFeatures\t: fp asimd evtstrm crc32 cpuid\nCPU implementer\t: 0x41\nCPU architecture: 8\n' "$number"
  printf 'CPU variant\t: 0x0\nCPU part\t: 0xd08\nCPU revision\t: 3\n\n'
done >"$work/cpuinfo"
echo 0-1 | tee "$work/sys/devices/system/cpu/possible" >"$work/sys/devices/system/cpu/present"
EMULATED=$work QEMU_CPU=cortex-a72 MAX_START_S=${MAX_START_S:-900} MAX_START_CPU_S=${MAX_START_CPU_S:-900} deploy/check_image.sh "$base"
