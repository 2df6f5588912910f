# callhook_library(NAME [LINK target...] [PRIVATE target...]) makes callhook::NAME of every .cpp of the current folder (and
# below it). LINK: what its headers need; PRIVATE: what only its sources need.
function(callhook_library name)
  cmake_parse_arguments(arg "" "" "LINK;PRIVATE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cpp")
  add_library(callhook_${name} STATIC ${sources})
  add_library(callhook::${name} ALIAS callhook_${name})
  target_include_directories(callhook_${name} PUBLIC "${CMAKE_SOURCE_DIR}/daemon")
  target_link_libraries(callhook_${name} PUBLIC callhook_flags ${arg_LINK} PRIVATE ${arg_PRIVATE})
endfunction()

# callhook_unit_test(NAME target...) makes test_NAME of every .cpp of the current folder and registers each test case.
function(callhook_unit_test name)
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cpp")
  add_executable(test_${name} ${sources})
  target_link_libraries(test_${name} PRIVATE callhook_flags ${ARGN} GTest::gtest GTest::gmock GTest::gtest_main)
  add_test(NAME unit/${name} COMMAND test_${name})
  set_tests_properties(unit/${name} PROPERTIES TIMEOUT 300)
endfunction()
