# How every file is compiled. The bits of a result must not depend on the compiler: no contraction, no fast math, no
# -march=native; an instruction set is chosen per file (InklingKernels) and at run time.
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_C_FLAGS_DEBUG "-Og -g3")
if(INK_SANITIZE)
    set(CMAKE_C_FLAGS_DEBUG "-O1 -g") # asserts on, and still fast enough for the whole test run
endif()

add_library(ink_flags INTERFACE)
target_compile_options(ink_flags INTERFACE
    -Wall -Wextra -Wconversion -Wshadow -Wmissing-prototypes
    -ffp-contract=off -fno-math-errno
    $<$<BOOL:${INK_WERROR}>:-Werror>)
# What an executable does not call is left out of it. Nothing here throws, so nothing needs the tables by which a stack is
# unwound (a tenth of the binary); debuggers read those of -g.
target_compile_options(ink_flags INTERFACE
    -ffunction-sections -fdata-sections
    $<$<CONFIG:Release>:-fno-asynchronous-unwind-tables -fno-unwind-tables>)
if(CMAKE_SYSTEM_NAME STREQUAL Linux)
    target_link_options(ink_flags INTERFACE -Wl,--gc-sections)
endif()
# Where a long has 32 bits, files of more than 2 GiB, and folders of file systems with 64-bit inodes.
target_compile_definitions(ink_flags INTERFACE _FILE_OFFSET_BITS=64)

if(INK_SANITIZE)
    set(ink_sanitizers -fsanitize=${INK_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_compile_options(ink_flags INTERFACE ${ink_sanitizers})
    target_link_options(ink_flags INTERFACE ${ink_sanitizers})
endif()
if(INK_BUILD_FUZZERS)
    target_compile_options(ink_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Floors whose time is spent elsewhere (in kernels, or waiting for a person or a disk) are compiled for size.
set(ink_small_floors format model shrink convert home cli)

include(CheckCCompilerFlag)
check_c_compiler_flag(-Oz INK_HAS_OZ)
set(ink_size_flag $<IF:$<BOOL:${INK_HAS_OZ}>,-Oz,-Os>) # the second where compilers are older

# ink_compile_for_size(SOURCES): those of the floors above.
function(ink_compile_for_size sources)
    list(JOIN ink_small_floors "|" floors)
    foreach(source ${${sources}})
        if(source MATCHES "/src/(${floors})/")
            set_property(SOURCE "${source}" APPEND PROPERTY COMPILE_OPTIONS $<$<CONFIG:Release>:${ink_size_flag}>)
        endif()
    endforeach()
endfunction()
