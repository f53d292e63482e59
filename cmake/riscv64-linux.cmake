# 64-bit RISC-V. The C kernels.
set(ink_triplet riscv64-linux-gnu)
set(ink_arch riscv64)
set(ink_qemu riscv64)
set(ink_processors rv64:c)
include("${CMAKE_CURRENT_LIST_DIR}/cross-linux.cmake")
