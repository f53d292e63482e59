# Which hot loops are compiled for this processor, and with which instructions. A file's suffix says what it may use; the
# kernel table decides at run time what this machine can do. One row adds an instruction set.
#
# ink_isa(<folder under src/kernel> <suffix> <flags>...)
set(ink_isa_folders x86 arm)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$" AND CMAKE_SIZEOF_VOID_P EQUAL 8)
    set(ink_isa_folder x86)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
    set(ink_isa_folder arm)
else()
    set(ink_isa_folder none)
endif()

set(ink_isa_suffixes)
macro(ink_isa folder suffix)
    list(APPEND ink_isa_suffixes ${folder}_${suffix})
    set(ink_isa_${folder}_${suffix} ${ARGN})
endmacro()
ink_isa(x86 avx2 -mavx2 -mfma -mf16c)
ink_isa(x86 avx512 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512vnni -mavx2 -mfma -mf16c)
ink_isa(x86 avx512vnni ${ink_isa_x86_avx512})
ink_isa(x86 avx512vbmi ${ink_isa_x86_avx512} -mavx512vbmi)
ink_isa(x86 avx512bf16 ${ink_isa_x86_avx512} -mavx512bf16)
ink_isa(x86 amx ${ink_isa_x86_avx512} -mavx512bf16 -mamx-tile -mamx-bf16)
# GCC gathers the loads of a whole group at its start before it gives out registers, and then has too few (Q6_K with dot
# products: a tenth more instructions, all of them spills). The code as written is in an order that fits; it is scheduled after.
if(CMAKE_C_COMPILER_ID STREQUAL GNU)
    set(ink_arm_flags -fno-schedule-insns)
endif()
ink_isa(arm neon ${ink_arm_flags})
ink_isa(arm dotprod ${ink_arm_flags} -march=armv8.2-a+dotprod)
ink_isa(arm i8mm ${ink_arm_flags} -march=armv8.2-a+dotprod+i8mm)

# Loops over floats that are no kernels, a seventh of a step of training: with -O2 alone GCC leaves them scalar.
set(ink_plain_loops
    src/device/cpu/gradient.c src/device/cpu/loss.c src/device/cpu/self_attend.c src/learn/optimizer.c src/learn/trainer.c
    src/quant/fit_levels.c)

# Long code that runs seldom: as small as can be, half of what -O2 makes of it.
set(ink_compact_code src/quant/trellis.c src/quant/learned.c)

# Drops kernels of other processors from the list and gives the rest their flags. Kernels are optimized in every build:
# their inner loops are functions that must be inlined to be fast at all. Vector kernels carry no sanitizer, whose checks make
# one file compile for minutes; their reads and writes are held in bounds by the guard pages of the kernel checker.
function(ink_keep_target_kernels list_name)
    set(kept)
    foreach(source ${${list_name}})
        file(RELATIVE_PATH path "${CMAKE_CURRENT_SOURCE_DIR}" "${source}")
        set(flags)
        if(path MATCHES "^src/kernel/([a-z0-9]+)/" AND CMAKE_MATCH_1 IN_LIST ink_isa_folders)
            if(NOT CMAKE_MATCH_1 STREQUAL ink_isa_folder)
                continue()
            endif()
            string(REGEX REPLACE ".*_([a-z0-9]+)\\.c$" "\\1" suffix "${path}")
            set(flags ${ink_isa_${ink_isa_folder}_${suffix}})
        endif()
        if(flags AND INK_SANITIZE)
            list(APPEND flags -fno-sanitize=all)
        endif()
        if(path MATCHES "^src/kernel/" OR path IN_LIST ink_plain_loops)
            list(APPEND flags $<IF:$<CONFIG:Release>,-O3,-O2>)
        endif()
        if(path IN_LIST ink_compact_code)
            list(APPEND flags $<$<CONFIG:Release>:-Os>)
        endif()
        if(flags)
            set_source_files_properties("${source}" PROPERTIES COMPILE_OPTIONS "${flags}")
        endif()
        list(APPEND kept "${source}")
    endforeach()
    set(${list_name} ${kept} PARENT_SCOPE)
endfunction()
