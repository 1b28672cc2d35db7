// An HTTP exchange as the router sees it: plain values, no socket.
//
// Thread   values, no state
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace strandline {

// Which port a request came in by.
enum class HttpSurface : std::uint8_t {
  admin,       // http.listen: everything
  kafka_port,  // /metrics, /health and /ready only
};

struct HttpRequest {
  std::string method;        // as sent: "GET"
  std::string target;        // path and query, as sent
  std::string host;          // the Host header, empty when there is none
  std::string origin;        // the Origin header, empty when there is none
  std::string content_type;  // empty when there is none
  std::string body;
  HttpSurface surface = HttpSurface::admin;
};

struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::string allow;  // the Allow header of a 405
};

// {"error": ..., "message": ..., "hint": ...}: what went wrong and what to do about it.
HttpResponse http_error(int status, std::string_view message, std::string_view hint);

}  // namespace strandline
