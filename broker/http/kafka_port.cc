#include "broker/http/kafka_port.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace strandline {

bool looks_like_http(ByteView first_bytes) {
  static constexpr std::array<std::string_view, 7> kMethods = {"GET ", "HEAD", "POST", "PUT ",
                                                               "DELE", "PATC", "OPTI"};
  if (first_bytes.size() < 4) return false;
  return std::ranges::find(kMethods, as_text(first_bytes.first(4))) != kMethods.end();
}

}  // namespace strandline
