#!/bin/sh
# Unpacks the libraries that a cross build links into build/sysroot-ARCH. Nothing is installed: apt downloads with lists of
# its own, so the machine's packages and architectures stay as they are. Needs no root.
#
#   sysroot.sh TARGET
#
# Debian 12 has no riscv64 packages: where there are none, the libraries are built from Debian's sources.
set -eu
# shellcheck source=scripts/target.sh
. "$(dirname "$0")/target.sh"
read_target "$1"
root=$(cd "$(dirname "$0")/.." && pwd)
toolchain=$root/cmake/$1-linux.cmake
sysroot=$root/build/sysroot-$arch
packages='libpcre2-dev libutf8proc-dev libjansson-dev libjansson4 libcmocka-dev libcmocka0'
sources='pcre2 utf8proc jansson cmocka'
[ -e "$sysroot/complete" ] && exit 0

command -v apt-get >/dev/null 2>&1 || {
    echo "The cross build takes its libraries from Debian, and apt-get is not here. Unpack $arch builds of" >&2
    echo "PCRE2 and utf8proc into $sysroot (and cmocka, jansson for tests), then: touch $sysroot/complete" >&2
    exit 1
}
state=$root/build/apt-$arch
rm -rf "$state"
mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$sysroot"
: >"$state/status"
apt()
{
    apt-get -q -o APT::Architecture="$arch" -o APT::Architectures="$arch" -o Dir::State="$state" \
        -o Dir::State::lists="$state/lists" -o Dir::State::status="$state/status" -o Dir::Cache="$state/cache" \
        -o APT::Sandbox::User=root -o Acquire::Languages=none "$@"
}

# fetch COMMAND NAME...: the newest, or, where a mirror lacks what its list names, what the release came with.
fetch()
{
    command=$1 release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    shift
    # shellcheck disable=SC2046,SC2086 # words on purpose
    (cd "$state" && { apt $from $command "$@" || apt $from $command $(printf "%s/$release " "$@"); } >/dev/null 2>&1)
}

unpack()
{
    from=''
    apt update >/dev/null 2>&1 || : # a list of many may be missing; what counts is what can be fetched
    # shellcheck disable=SC2086 # words on purpose
    fetch download $packages || return 1
    for package in "$state"/*.deb; do
        dpkg-deb --extract "$package" "$sysroot"
    done
}

# The machine's own lists, asked for source packages.
list_sources()
{
    mkdir -p "$state/lists.d"
    for list in /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources; do
        name=${list##*/}
        [ -s "$list" ] && sed -e 's/^Types:.*/Types: deb-src/' -e 's/^deb /deb-src /' "$list" \
            >"$state/lists.d/machine.${name#*.}"
    done
    from="-o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts=$state/lists.d"
    # shellcheck disable=SC2086 # words on purpose
    apt $from update >/dev/null 2>&1 || :
}

build()
{
    list_sources
    for source in $sources; do
        fetch source "$source" || return 1
        folder=$(find "$state" -mindepth 1 -maxdepth 1 -type d -name "$source-*")
        [ -e "$folder/CMakeLists.txt" ] || return 1
        if ! { cmake -S "$folder" -B "$folder/cross" -G Ninja -DCMAKE_TOOLCHAIN_FILE="$toolchain" \
            -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=/usr -DCMAKE_INSTALL_LIBDIR="lib/$triplet" \
            -DPCRE2_BUILD_TESTS=OFF -DPCRE2_BUILD_PCRE2GREP=OFF -DJANSSON_BUILD_DOCS=OFF -DJANSSON_WITHOUT_TESTS=ON \
            -DJANSSON_EXAMPLES=OFF -DUNIT_TESTING=OFF -DWITH_EXAMPLES=OFF &&
            cmake --build "$folder/cross" && DESTDIR=$sysroot cmake --install "$folder/cross"; } \
            >"$state/$source.log" 2>&1; then
            tail -n 20 "$state/$source.log" >&2
            return 1
        fi
    done
}

echo "Unpacking $arch libraries into build/sysroot-$arch: $packages"
if ! unpack; then
    echo "Debian has no $arch packages of these; building them: $sources"
    build || { echo "sysroot.sh: no libraries for $arch" >&2; exit 1; }
fi
rm -rf "$state"
touch "$sysroot/complete"
