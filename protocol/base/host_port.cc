#include "protocol/base/host_port.h"

#include <algorithm>
#include <charconv>

#include "protocol/base/errc.h"

namespace strandline {
namespace {

constexpr std::size_t kHostBytesMax = 255;  // a DNS name is no longer

bool is_host_char(char c) {
  const auto is_alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return is_alnum || c == '.' || c == '-' || c == '_';
}

bool is_ipv6_char(char c) { return is_host_char(c) || c == ':' || c == '%'; }

}  // namespace

Result<HostPort> parse_host_port(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return Errc::invalid_setting;
  auto host = text.substr(0, colon);
  const auto port_text = text.substr(colon + 1);

  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (bracketed && host.empty()) return Errc::invalid_setting;
  if (host.size() > kHostBytesMax) return Errc::invalid_setting;
  if (!std::ranges::all_of(host, bracketed ? is_ipv6_char : is_host_char)) {
    return Errc::invalid_setting;
  }

  std::uint16_t port = 0;
  const auto* end = port_text.data() + port_text.size();
  const auto [stopped, error] = std::from_chars(port_text.data(), end, port);
  if (error != std::errc{} || stopped != end) return Errc::invalid_setting;
  return HostPort{std::string{host}, port};
}

std::string to_text(const HostPort& address) {
  if (address.is_none()) return "";
  const auto port = std::to_string(address.port);
  if (address.host.find(':') != std::string::npos) return "[" + address.host + "]:" + port;
  return address.host + ":" + port;
}

}  // namespace strandline
