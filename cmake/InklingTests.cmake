# Tests are found by name:
#   tests/<area>/test_<name>.c   one executable; other .c files of the folder are linked to each test of that folder
#   tests/kernel/*.c             together the kernel checker, `kernels`
#   tests/fuzz/fuzz_<name>.c     replays tests/fuzz/corpus/<name>; with INK_BUILD_FUZZERS also a libFuzzer executable
#   tests/e2e/*.sh               a script that is given the binary as INK_BIN; support.sh is what they share
#   scripts/lint/*.sh            those that need nothing but a shell run as tests too
# All run through scripts/run_test.sh, which counts the cases inside each.
set(ink_tests_dir "${CMAKE_CURRENT_SOURCE_DIR}/tests")
set(ink_results_dir "${CMAKE_BINARY_DIR}/test-results")
set(ink_shared_dir "$ENV{INK_SHARED}")
if(NOT ink_shared_dir)
    set(ink_shared_dir "${CMAKE_CURRENT_SOURCE_DIR}/../shared")
endif()

function(ink_add_test name)
    add_test(NAME ${name}
        COMMAND sh "${CMAKE_CURRENT_SOURCE_DIR}/scripts/run_test.sh" "${ink_results_dir}" ${name} ${ARGN}
        WORKING_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}")
    set_tests_properties(${name} PROPERTIES TIMEOUT ${INK_TEST_TIMEOUT} SKIP_RETURN_CODE 77)
endfunction()

add_library(ink_test_base INTERFACE)
target_include_directories(ink_test_base INTERFACE src tests)
target_compile_definitions(ink_test_base INTERFACE INK_SOURCE_DIR="${CMAKE_CURRENT_SOURCE_DIR}")
target_link_libraries(ink_test_base INTERFACE inkling_static ink_flags)
if(TARGET ink::jansson)
    target_link_libraries(ink_test_base INTERFACE ink::jansson)
    target_compile_definitions(ink_test_base INTERFACE INK_HAVE_JANSSON=1)
endif()

function(ink_add_executable target output_dir)
    add_executable(${target} ${ARGN})
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/${output_dir}")
    target_link_libraries(${target} PRIVATE ink_test_base)
endfunction()

# ---- Unit tests.
file(GLOB ink_unit_tests CONFIGURE_DEPENDS "${ink_tests_dir}/*/test_*.c")
if(INK_BUILD_TESTS AND TARGET ink::cmocka AND TARGET ink::jansson)
    add_library(ink_test_support STATIC "${ink_tests_dir}/support.c" "${ink_tests_dir}/exact.c")
    target_link_libraries(ink_test_support PUBLIC ink_test_base ink::cmocka)
    foreach(source ${ink_unit_tests})
        get_filename_component(folder "${source}" DIRECTORY)
        get_filename_component(area "${folder}" NAME)
        get_filename_component(name "${source}" NAME_WE)
        if(area MATCHES "^(kernel|fuzz)$")
            continue()
        endif()
        file(GLOB beside CONFIGURE_DEPENDS "${folder}/*.c")
        list(FILTER beside EXCLUDE REGEX "/test_[^/]*\\.c$")
        string(REPLACE "test_" "${area}_" target "${name}")
        ink_add_executable(test_${target} tests/${area} "${source}" ${beside})
        set_target_properties(test_${target} PROPERTIES OUTPUT_NAME ${name})
        target_link_libraries(test_${target} PRIVATE ink_test_support)
        ink_add_test(${area}/${name} ${CMAKE_CROSSCOMPILING_EMULATOR} $<TARGET_FILE:test_${target}>)
    endforeach()
endif()

# ---- The kernel checker.
file(GLOB ink_kernel_checker CONFIGURE_DEPENDS "${ink_tests_dir}/kernel/*.c")
if(INK_BUILD_TESTS AND ink_kernel_checker)
    ink_add_executable(kernels . ${ink_kernel_checker})
    set(ink_kernel_options)
    if(CMAKE_CROSSCOMPILING_EMULATOR) # its times say nothing of the processor's
        set(ink_kernel_options --no-speed)
    endif()
    ink_add_test(kernels ${CMAKE_CROSSCOMPILING_EMULATOR} $<TARGET_FILE:kernels> ${ink_kernel_options})
    set_tests_properties(kernels PROPERTIES RUN_SERIAL ON) # it measures time
endif()

# ---- Fuzz targets. What fuzzing found (scripts/fuzz_keep.sh) is unpacked beside them and replayed with the seeds.
file(GLOB ink_fuzz_targets CONFIGURE_DEPENDS "${ink_tests_dir}/fuzz/fuzz_*.c")
foreach(source ${ink_fuzz_targets})
    get_filename_component(target "${source}" NAME_WE)
    string(REPLACE "fuzz_" "" name "${target}")
    ink_add_executable(replay_${name} tests/fuzz "${source}" "${ink_tests_dir}/fuzz/replay.c")
    set(inputs "${ink_tests_dir}/fuzz/corpus/${name}")
    set(archive "${ink_tests_dir}/fuzz/found/${name}.tar.xz")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${archive}")
    if(EXISTS "${archive}")
        set(found "${CMAKE_BINARY_DIR}/tests/fuzz/found/${name}")
        file(REMOVE_RECURSE "${found}")
        file(ARCHIVE_EXTRACT INPUT "${archive}" DESTINATION "${found}")
        list(APPEND inputs --whole "${found}")
    endif()
    ink_add_test(fuzz/replay_${name} ${CMAKE_CROSSCOMPILING_EMULATOR} $<TARGET_FILE:replay_${name}> ${inputs})
    if(INK_BUILD_FUZZERS)
        ink_add_executable(${target} . "${source}")
        target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    endif()
endforeach()

# ---- Scripts.
if(TARGET inkling)
    list(JOIN CMAKE_CROSSCOMPILING_EMULATOR " " ink_emulator)
    file(GLOB ink_scripts CONFIGURE_DEPENDS "${ink_tests_dir}/e2e/*.sh")
    list(FILTER ink_scripts EXCLUDE REGEX "/support\\.sh$")
    list(JOIN CMAKE_CROSSCOMPILING_EMULATOR " " ink_emulator) # ';' would end the variable's value
    foreach(script ${ink_scripts})
        get_filename_component(name "${script}" NAME_WE)
        ink_add_test(e2e/${name} sh "${script}")
        set_tests_properties(e2e/${name} PROPERTIES ENVIRONMENT
            "INK_BIN=$<TARGET_FILE:inkling>;INK_SHARED=${ink_shared_dir};INK_EMULATOR=${ink_emulator}")
    endforeach()
endif()

if(NOT CMAKE_CROSSCOMPILING AND NOT INK_SANITIZE)
    set(ink_lint_dir "${CMAKE_CURRENT_SOURCE_DIR}/scripts/lint")
    foreach(check floors banned products)
        ink_add_test(lint/${check} sh "${ink_lint_dir}/${check}.sh")
    endforeach()
    ink_add_test(lint/names sh "${ink_lint_dir}/names.sh" $<TARGET_FILE:inkling_static>)
    if(TARGET inkling_shared)
        ink_add_test(lint/exports sh "${ink_lint_dir}/exports.sh" $<TARGET_FILE:inkling_shared>)
    endif()
    ink_add_test(api/headers sh "${ink_tests_dir}/api/headers.sh" "${CMAKE_C_COMPILER}")
    ink_add_test(api/readme sh "${ink_tests_dir}/api/readme.sh" "${CMAKE_C_COMPILER}" $<TARGET_FILE:inkling_static>)
    set_tests_properties(api/readme PROPERTIES ENVIRONMENT "INK_SHARED=${ink_shared_dir}")
    ink_add_test(api/lint_catches sh "${ink_tests_dir}/api/lint_catches.sh")
endif()
