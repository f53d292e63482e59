# 32-bit ARM with a floating-point unit, ARMv7: a Raspberry Pi 2, an old phone. The C kernels.
set(ink_triplet arm-linux-gnueabihf)
set(ink_arch armhf)
set(ink_qemu arm)
set(ink_processors cortex-a7:c)
include("${CMAKE_CURRENT_LIST_DIR}/cross-linux.cmake")
