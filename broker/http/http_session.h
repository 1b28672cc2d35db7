// One HTTP connection, from its first byte to its end: requests are read within limits, answered in
// order, kept alive. The only place that knows Boost.Beast.
//
// What a peer may do and what happens then:
//   a header over 16 KiB                   431, closed
//   a body over 1 MiB                      413, closed
//   bytes that are no HTTP                 400, closed
//   nothing for idle_timeout               closed
//   a request not whole in request_timeout closed (slow loris)
//   a response not taken in write_timeout  closed
//
// Thread   the io_context's one thread
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <string>

#include "broker/http/admin_backend.h"
#include "broker/http/router.h"
#include "broker/metrics/shard_metrics.h"

namespace strandline {

struct HttpLimits {
  std::size_t header_bytes_max = std::size_t{16} * 1024;
  std::size_t body_bytes_max = std::size_t{1024} * 1024;
  std::size_t connections_max = 256;
  std::chrono::milliseconds idle_timeout{60'000};
  std::chrono::milliseconds request_timeout{10'000};
  std::chrono::milliseconds write_timeout{30'000};
  std::chrono::milliseconds gather_timeout{5'000};
};

// What a session works with; all of it outlives the session.
struct HttpSessionContext {
  const RouterConfig& router;
  const HttpLimits& limits;
  AdminSource& source;
  ShardMetrics* metrics = nullptr;  // of the thread's shard; may be null
  HttpSurface surface = HttpSurface::admin;
};

// Serves until the peer leaves, a limit is met or the socket is closed by somebody else. Throws
// nothing: errors end the session.
//
// first_bytes   read from the socket already
// closer        is given a function that ends the session when called on its thread, and an empty
//               one when the session is over; may be empty itself
boost::asio::awaitable<void> serve_http_session(
    boost::asio::ip::tcp::socket socket, std::string first_bytes, HttpSessionContext context,
    std::function<void(std::function<void()>)> closer = {});

}  // namespace strandline
