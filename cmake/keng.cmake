# Functions that declare a folder's library, tests, fuzzers and benchmarks, and the compiler's flags.

find_program(KENG_CCACHE ccache)
if(KENG_CCACHE)
  # What ccache asks for where headers are precompiled; no source here says __TIME__.
  set(CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_SLOPPINESS=pch_defines,time_macros ${KENG_CCACHE})
endif()
find_program(KENG_MOLD mold)
if(KENG_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_library(keng_flags INTERFACE)
target_include_directories(keng_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(keng_flags INTERFACE -Wall -Wextra -Wno-missing-field-initializers)
if(KENG_WARNINGS_AS_ERRORS)
  target_compile_options(keng_flags INTERFACE -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(keng_flags INTERFACE -Wthread-safety)
else()
  # GCC 12 reports these in inlined library code that is correct (std::optional, std::string under -O2; with precompiled
  # headers it forgets which are the system's).
  target_compile_options(keng_flags INTERFACE -Wno-maybe-uninitialized -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds)
endif()
if(KENG_SANITIZE)
  add_compile_options(-fsanitize=${KENG_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${KENG_SANITIZE})
endif()
# For sources that need not run fast: the compiler spends half of its time on optimising what the address sanitizer adds.
# (Not under the thread sanitizer: what is not inlined there, RocksDB takes from us, and half of what it does is seen.)
set(KENG_QUICK_COMPILE)
if(KENG_SANITIZE MATCHES address)
  set(KENG_QUICK_COMPILE -O0)
elseif(NOT KENG_SANITIZE)
  set(KENG_QUICK_COMPILE -O1)
endif()
# For tests that go over all there is: 0 where a sanitizer makes each step ten times as long.
set(KENG_THOROUGH 1)
if(KENG_SANITIZE)
  set(KENG_THOROUGH 0)
endif()

# keng_precompiled(NAME HEADERS <a.h> ... [LIBS ...] [OPTIONS ...]): headers that targets with the same flags reuse. They
# are half of the time that clang takes for a source, and a quarter of GCC's. A source names every header it needs all the
# same: the lint tree has none of these.
function(keng_precompiled NAME)
  cmake_parse_arguments(ARG "" "" "HEADERS;LIBS;OPTIONS" ${ARGN})
  if(KENG_PRECOMPILE_HEADERS)
    add_library(${NAME} OBJECT ${PROJECT_SOURCE_DIR}/cmake/precompiled.cc)
    target_link_libraries(${NAME} PRIVATE keng_flags ${ARG_LIBS})
    target_compile_options(${NAME} PRIVATE ${ARG_OPTIONS})
    target_precompile_headers(${NAME} PRIVATE ${ARG_HEADERS})
  endif()
endfunction()

function(keng_reuse_precompiled TARGET FROM)
  if(KENG_PRECOMPILE_HEADERS)
    target_precompile_headers(${TARGET} REUSE_FROM ${FROM})
  endif()
endfunction()

# keng_library(NAME [FUZZED] SRCS a.cc ... DEPS keng_x ... LIBS third::party ...)
# DEPS are our own libraries and the value libraries that headers may name (absl); LIBS are linked PRIVATE. FUZZED: a fuzzer
# runs it, so libFuzzer sees its branches where fuzzers are built.
function(keng_library NAME)
  cmake_parse_arguments(ARG "FUZZED" "" "SRCS;DEPS;LIBS" ${ARGN})
  add_library(${NAME} STATIC ${ARG_SRCS})
  target_link_libraries(${NAME} PUBLIC keng_flags ${ARG_DEPS} PRIVATE ${ARG_LIBS})
  keng_reuse_precompiled(${NAME} keng_precompiled_library)
  if(ARG_FUZZED AND KENG_FUZZERS)  # what -fsanitize=fuzzer-no-link counts, which precompiled headers would have to share
    target_compile_options(${NAME} PRIVATE
                           -fsanitize-coverage=inline-8bit-counters,indirect-calls,trace-cmp,pc-table,stack-depth)
  endif()
endfunction()

# Where tests/CMakeLists.txt keeps the one broker of this build tree, and the file with its host:port.
set(KENG_KAFKA_FOLDER ${PROJECT_BINARY_DIR}/kafka)
set(KENG_KAFKA_ADDRESS_FILE ${KENG_KAFKA_FOLDER}/address)

add_custom_target(thread_tests)

# keng_test(NAME SRCS a_test.cc ... DEPS ... LIBS ... LABELS slow threads [KAFKA])
# One test program; ctest sees each of its cases. The label `threads` puts it into the tsan run (target thread_tests).
# With KAFKA its cases are slow, run while the broker of the build tree is up, and find host:port in the file that the
# environment variable KENG_KAFKA_ADDRESS_FILE names; all share that broker, so each uses topics and groups of its own
# names.
function(keng_test NAME)
  cmake_parse_arguments(ARG "KAFKA" "" "SRCS;DEPS;LIBS;LABELS" ${ARGN})
  add_executable(${NAME} ${ARG_SRCS})
  target_link_libraries(${NAME} PRIVATE keng_flags ${ARG_DEPS} ${ARG_LIBS} GTest::gtest GTest::gmock GTest::gtest_main)
  target_compile_definitions(${NAME} PRIVATE KENG_SOURCE_DIR="${PROJECT_SOURCE_DIR}" KENG_THOROUGH=${KENG_THOROUGH})
  target_compile_options(${NAME} PRIVATE ${KENG_QUICK_COMPILE})
  keng_reuse_precompiled(${NAME} keng_precompiled_test)
  include(GoogleTest)
  set(kafka)
  if(ARG_KAFKA)
    set(kafka FIXTURES_REQUIRED kafka ENVIRONMENT KENG_KAFKA_ADDRESS_FILE=${KENG_KAFKA_ADDRESS_FILE})
    list(APPEND ARG_LABELS slow)
    list(REMOVE_DUPLICATES ARG_LABELS)
  endif()
  if("threads" IN_LIST ARG_LABELS)
    add_dependencies(thread_tests ${NAME})
  endif()
  if(NOT ARG_LABELS)
    set(ARG_LABELS plain)  # an empty list would swallow the next property
  endif()
  # gtest_discover_tests takes lists apart, and the second label would be the name of a property. -L and -LE search, so
  # one label that contains the others does the same.
  list(JOIN ARG_LABELS "+" labels)
  gtest_discover_tests(${NAME} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 120
                       PROPERTIES TIMEOUT 300 LABELS ${labels} ${kafka})
endfunction()

# keng_fuzzer(NAME SRCS a_fuzz.cc DEPS ...) builds only where KENG_FUZZERS is on.
function(keng_fuzzer NAME)
  cmake_parse_arguments(ARG "" "" "SRCS;DEPS;LIBS" ${ARGN})
  if(KENG_FUZZERS)
    add_executable(${NAME} ${ARG_SRCS})
    target_link_libraries(${NAME} PRIVATE keng_flags ${ARG_DEPS} ${ARG_LIBS})
    target_compile_definitions(${NAME} PRIVATE KENG_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    target_link_options(${NAME} PRIVATE -fsanitize=fuzzer)
  endif()
endfunction()

# keng_benchmark(NAME SRCS a_bench.cc DEPS ...) builds only in a tree without a sanitizer.
function(keng_benchmark NAME)
  if(KENG_SANITIZE)
    return()
  endif()
  cmake_parse_arguments(ARG "" "" "SRCS;DEPS;LIBS" ${ARGN})
  add_executable(${NAME} ${ARG_SRCS})
  target_link_libraries(${NAME} PRIVATE keng_flags ${ARG_DEPS} ${ARG_LIBS} benchmark::benchmark)
  target_compile_definitions(${NAME} PRIVATE KENG_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
endfunction()
