#!/bin/sh
# Unpacks the arm64 libraries that a cross build links into build/sysroot-arm64. Nothing is installed: apt downloads with
# lists of its own, so the machine's packages and architectures stay as they are. Needs no root.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)/build
sysroot=$root/sysroot-arm64
packages='libpcre2-dev libutf8proc-dev libjansson-dev libjansson4 libcmocka-dev libcmocka0'
[ -e "$sysroot/complete" ] && exit 0

command -v apt-get >/dev/null 2>&1 || {
    echo "The cross build takes its libraries from Debian, and apt-get is not here. Unpack arm64 builds of" >&2
    echo "PCRE2 and utf8proc into $sysroot (and cmocka, jansson for tests), then: touch $sysroot/complete" >&2
    exit 1
}
echo "Unpacking arm64 libraries into build/sysroot-arm64: $packages"
state=$root/apt-arm64
mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$sysroot"
: >"$state/status"
apt()
{
    apt-get -q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State="$state" \
        -o Dir::State::lists="$state/lists" -o Dir::State::status="$state/status" -o Dir::Cache="$state/cache" \
        -o APT::Sandbox::User=root -o Acquire::Languages=none "$@"
}
apt update >/dev/null
(
    cd "$state"
    # shellcheck disable=SC2086 # words on purpose
    apt download $packages >/dev/null
    for package in *.deb; do
        dpkg-deb --extract "$package" "$sysroot"
    done
)
rm -rf "$state"
touch "$sysroot/complete"
