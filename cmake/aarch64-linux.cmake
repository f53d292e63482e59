# 64-bit ARM.
set(ink_triplet aarch64-linux-gnu)
set(ink_arch arm64)
set(ink_qemu aarch64)
set(ink_processors cortex-a53:neon cortex-a76:dotprod max:i8mm)
include("${CMAKE_CURRENT_LIST_DIR}/cross-linux.cmake")
