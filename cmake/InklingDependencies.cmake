# What is linked. The core needs PCRE2 and utf8proc; all else is optional and its absence is said.
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

# ink_find(<name> HEADER <file> LIBRARY <name> PACKAGE <Debian package> [FOR <what is lost without it>])
# Defines the target ink::<name> when found. Without FOR the library is required.
function(ink_find name)
    cmake_parse_arguments(arg "" "HEADER;LIBRARY;PACKAGE;FOR" "" ${ARGN})
    find_path(INK_${name}_INCLUDE ${arg_HEADER})
    find_library(INK_${name}_LIBRARY ${arg_LIBRARY})
    mark_as_advanced(INK_${name}_INCLUDE INK_${name}_LIBRARY)
    if(INK_${name}_INCLUDE AND INK_${name}_LIBRARY)
        add_library(ink::${name} UNKNOWN IMPORTED)
        set_target_properties(ink::${name} PROPERTIES
            IMPORTED_LOCATION "${INK_${name}_LIBRARY}"
            INTERFACE_INCLUDE_DIRECTORIES "${INK_${name}_INCLUDE}")
    elseif(arg_FOR)
        message(STATUS "${name} not found: ${arg_FOR} (Debian: ${arg_PACKAGE})")
    else()
        message(FATAL_ERROR "${name} not found. Install ${arg_PACKAGE} (Debian), or run scripts/setup.sh.")
    endif()
endfunction()

ink_find(pcre2 HEADER pcre2.h LIBRARY pcre2-8 PACKAGE libpcre2-dev)
ink_find(utf8proc HEADER utf8proc.h LIBRARY utf8proc PACKAGE libutf8proc-dev)
ink_find(edit HEADER histedit.h LIBRARY edit PACKAGE libedit-dev
    FOR "the interactive prompt has no history and no line editing")
if(INK_BUILD_TESTS)
    ink_find(cmocka HEADER cmocka.h LIBRARY cmocka PACKAGE libcmocka-dev FOR "no unit tests")
    ink_find(jansson HEADER jansson.h LIBRARY jansson PACKAGE libjansson-dev
        FOR "no unit tests, whose expected results are JSON")
endif()

add_library(ink_core_dependencies INTERFACE)
target_link_libraries(ink_core_dependencies INTERFACE ink::pcre2 ink::utf8proc Threads::Threads m)

add_library(ink_cli_dependencies INTERFACE)
if(TARGET ink::edit)
    target_link_libraries(ink_cli_dependencies INTERFACE ink::edit)
    target_compile_definitions(ink_cli_dependencies INTERFACE INK_HAVE_EDIT=1)
endif()
# libedit's terminal layer; a dynamic libedit brings it along, a static one does not.
if(TARGET ink::edit AND INK_edit_LIBRARY MATCHES "\\.a$")
    find_library(INK_tinfo_LIBRARY NAMES tinfo ncurses)
    find_library(INK_bsd_LIBRARY bsd)
    find_library(INK_md_LIBRARY md)
    foreach(extra tinfo bsd md)
        if(INK_${extra}_LIBRARY)
            target_link_libraries(ink_cli_dependencies INTERFACE ${INK_${extra}_LIBRARY})
        endif()
    endforeach()
endif()
