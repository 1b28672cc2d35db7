// The HTTP sessions of one thread: begun, counted, bounded, ended together.
//
// At HttpLimits::connections_max a further connection is told 503 and closed.
//
// Thread   the io_context's one thread, stop() and the destructor too
// Owns     its sessions' sockets; destroyed before its io_context
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <memory>
#include <string>

#include "broker/http/http_session.h"

namespace boost::asio {
class io_context;
}

namespace strandline {

class HttpSessions {
 public:
  // source, metrics   must outlive the io_context's last run; metrics may be null
  HttpSessions(boost::asio::io_context& context, HttpSurface surface, RouterConfig router,
               HttpLimits limits, AdminSource& source, ShardMetrics* metrics);
  ~HttpSessions();
  HttpSessions(const HttpSessions&) = delete;
  HttpSessions& operator=(const HttpSessions&) = delete;

  // Takes the connection over and serves it to its end.
  //
  // first_bytes   read from it already
  void serve(boost::asio::ip::tcp::socket socket, std::string first_bytes);

  // Closes all sessions; their coroutines end when the io_context runs on. Later ones are closed at
  // once.
  void stop();

  std::size_t size() const;

 private:
  struct State;

  std::shared_ptr<State> state_;
};

}  // namespace strandline
