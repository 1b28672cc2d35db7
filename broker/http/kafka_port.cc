#include "broker/http/kafka_port.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace strandline {

bool looks_like_http(ByteView first_bytes) {
  static constexpr std::array<std::string_view, 7> kMethods = {"GET ", "HEAD", "POST", "PUT ",
                                                               "DELE", "PATC", "OPTI"};
  if (first_bytes.size() < 4) return false;
  return std::ranges::find(kMethods, as_text(first_bytes.first(4))) != kMethods.end();
}

boost::asio::awaitable<void> serve_http_on_kafka_port(boost::asio::ip::tcp::socket socket,
                                                      ByteView first_bytes,
                                                      HttpSessionContext context) {
  context.surface = HttpSurface::kafka_port;
  // Not a coroutine: the bytes are copied before the caller's buffer can go away.
  return serve_http_session(std::move(socket), std::string{as_text(first_bytes)}, context);
}

}  // namespace strandline
