# The unit tests of the JSON rooms. Needs the target pendo_core.
find_package(GTest REQUIRED)
include(GoogleTest)

foreach(subject record_splitter convert row_decoder json_write metadata_schema bulk_reply)
  add_executable(${subject}_test ${CMAKE_CURRENT_LIST_DIR}/${subject}_test.cpp)
  target_link_libraries(${subject}_test PRIVATE pendo_core GTest::gtest GTest::gtest_main)
  gtest_discover_tests(${subject}_test)
endforeach()
