#!/bin/sh
# Installs from Debian what is missing for a purpose, and says what and why. With everything there it does nothing, fast.
#
#   setup.sh [build] [lint] [clang] [cross-TARGET]        (no argument: build)
#
# "build" is what `make run` and `make test` need on a machine that has only git and make.
set -eu
# shellcheck source=scripts/target.sh
. "$(dirname "$0")/target.sh"

# need PURPOSE COMMAND-OR-FILE PACKAGE REASON: one row per dependency. A file is searched in the include folders.
missing_packages='' missing_lines=''
need()
{
    case $1 in
    *.h) for folder in /usr/include /usr/local/include /opt/homebrew/include /usr/include/*-linux-gnu; do
            [ -e "$folder/$1" ] && return 0
        done ;;
    *) command -v "$1" >/dev/null 2>&1 && return 0 ;;
    esac
    missing_packages="$missing_packages $2"
    missing_lines="$missing_lines
  $2: $3"
}

for purpose in "${@:-build}"; do
    case $purpose in
    build)
        need make make 'the commands of this project'
        need cc gcc 'the C compiler'
        need stdio.h libc6-dev 'the C library to compile against'
        need cmake cmake 'configures the build'
        need ninja ninja-build 'runs the build'
        need pcre2.h libpcre2-dev 'patterns that split text before tokenizing (required)'
        need utf8proc.h libutf8proc-dev 'Unicode normalization (required)'
        need jansson.h libjansson-dev 'tests, whose expected results are JSON'
        need histedit.h libedit-dev 'history and line editing in the chat'
        need cmocka.h libcmocka-dev 'unit tests'
        need /usr/bin/python3 python3 'tests that type into a chat, and bench/compare'
        ;;
    lint)
        need clang-format clang-format 'layout of the code'
        need clang-tidy clang-tidy 'static analysis'
        need cppcheck cppcheck 'static analysis'
        ;;
    clang) need clang clang 'the second compiler; libFuzzer' ;;
    cross-*)
        read_target "${purpose#cross-}"
        need "$triplet-gcc" "gcc-$triplet libc6-dev-$arch-cross" "compiles for $arch"
        need "qemu-$qemu-static" qemu-user-static 'runs what was compiled'
        need dpkg-source dpkg-dev 'unpacks sources where there are no packages of a library'
        ;;
    *)
        echo "setup.sh: unknown purpose '$purpose'" >&2
        exit 2
        ;;
    esac
done
[ -n "$missing_packages" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "These are missing; install them with this system's package manager (names are Debian's):$missing_lines" >&2
    exit 1
fi
run=''
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || {
        echo "These are missing, and neither root nor sudo is at hand to install them:$missing_lines" >&2
        exit 1
    }
    run='sudo'
fi
echo "Installing from Debian:$missing_lines"
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086 # words on purpose
install="$run apt-get install -y -q --no-install-recommends $missing_packages"
# The lists may be absent or old; a first failure is answered by refreshing them.
$install >/dev/null 2>&1 || { $run apt-get update -q >/dev/null && $install; }
