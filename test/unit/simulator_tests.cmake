# Unit tests of the simulator: every simulator_*.cpp of this folder, in one program.
find_package(GTest REQUIRED)
include(GoogleTest)

file(GLOB simulator_test_sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/simulator_*.cpp)
add_executable(simulator_tests ${simulator_test_sources})
target_compile_definitions(simulator_tests PRIVATE
  SIMULATOR_PROGRAM="$<TARGET_FILE:pendo-simulator>"
  SIMULATOR_README="${CMAKE_CURRENT_LIST_DIR}/../simulator/README.md")
target_link_libraries(simulator_tests PRIVATE pendo_simulator_lib GTest::gtest_main)
add_dependencies(simulator_tests pendo-simulator)
gtest_discover_tests(simulator_tests)
