# Linux on another processor, from a Debian machine: Debian's cross compiler, libraries unpacked by scripts/sysroot.sh, and
# qemu's user-mode emulation to run what was built. A target is a file that names these and includes this one:
#
#   ink_triplet      what Debian calls its compiler and its library folder
#   ink_arch         what Debian calls the architecture
#   ink_qemu         what qemu calls it
#   ink_processors   those that are tested, as qemu names them, with the best that each can run (INK_CPU)
#
# Scripts read the same lines (scripts/target.sh).
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ${ink_qemu})
set(CMAKE_C_COMPILER ${ink_triplet}-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE ${ink_triplet})

get_filename_component(ink_sysroot "${CMAKE_CURRENT_LIST_DIR}/../build/sysroot-${ink_arch}" ABSOLUTE)
set(CMAKE_FIND_ROOT_PATH "${ink_sysroot}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)

# Archives first: the binary then needs nothing beside it. cmocka has no archive, so tests look for it at run time.
set(CMAKE_FIND_LIBRARY_SUFFIXES .a .so)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-${ink_qemu}-static -L /usr/${ink_triplet}
    -E "LD_LIBRARY_PATH=${ink_sysroot}/usr/lib/${ink_triplet}")
