# 64-bit ARM from a Debian machine of another kind: gcc-aarch64-linux-gnu, libraries unpacked by scripts/sysroot.sh, and
# qemu-aarch64-static to run what was built.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

get_filename_component(ink_sysroot "${CMAKE_CURRENT_LIST_DIR}/../build/sysroot-arm64" ABSOLUTE)
set(CMAKE_FIND_ROOT_PATH "${ink_sysroot}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)

# Archives first: the binary then needs nothing beside it. cmocka has no archive, so tests look for it at run time.
set(CMAKE_FIND_LIBRARY_SUFFIXES .a .so)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static -L /usr/aarch64-linux-gnu
    -E "LD_LIBRARY_PATH=${ink_sysroot}/usr/lib/aarch64-linux-gnu")
