# shellcheck shell=sh disable=SC2034 # what it sets is for its readers
# Read by scripts: what cmake/TARGET-linux.cmake says of a cross target, as $triplet, $arch, $qemu and $processors.
#
#   read_target TARGET
read_target()
{
    target_file=$(dirname "$0")/../cmake/$1-linux.cmake
    [ -e "$target_file" ] || {
        echo "${0##*/}: unknown target '$1'; there are:" "$(dirname "$0")"/../cmake/*-linux.cmake >&2
        exit 2
    }
    triplet=$(target_fact triplet) arch=$(target_fact arch) qemu=$(target_fact qemu) processors=$(target_fact processors)
}

target_fact()
{
    sed -n "s/^set(ink_$1 \(.*\))\$/\1/p" "$target_file"
}
