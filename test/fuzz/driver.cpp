// One target as libFuzzer calls it.
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pendo::fuzz {
void PENDO_FUZZ_TARGET(std::string_view input);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pendo::fuzz::PENDO_FUZZ_TARGET({reinterpret_cast<const char*>(data), size});
  return 0;
}
