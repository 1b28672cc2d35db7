// An address a listener binds or a client is told: "host:port", IPv6 hosts in brackets.
//
// Thread   values, no state
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/base/result.h"

namespace strandline {

struct HostPort {
  std::string host;        // without brackets; empty: none, or every interface where one listens
  std::uint16_t port = 0;  // 0 with an empty host: no address at all

  friend auto operator<=>(const HostPort&, const HostPort&) = default;
  bool is_none() const { return host.empty() && port == 0; }
};

// "127.0.0.1:9092", "[::1]:9092", "broker-1.example:9092". Names are not looked up.
//
// Errors   invalid_setting   no port, a port outside 0 … 65535, an IPv6 host without brackets, or a
//                            character that no host has
Result<HostPort> parse_host_port(std::string_view text);

// The form parse_host_port() takes; "" for none.
std::string to_text(const HostPort& address);

}  // namespace strandline
