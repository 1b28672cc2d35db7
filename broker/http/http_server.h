// Listens at http.listen and serves every connection with a session of its own.
//
// When descriptors run out, accepting pauses for a moment and is tried again. HTTP on the kafka
// port needs no server: see HttpSessions.
//
// Thread   the io_context's one thread, stop() and the destructor too
// Owns     the listening socket and the sessions; destroyed before its io_context
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "broker/http/http_session.h"
#include "protocol/base/result.h"

namespace boost::asio {
class io_context;
}

namespace strandline {

class HttpServer {
 public:
  struct Config {
    std::string host = "127.0.0.1";  // an address, or a name to look up; empty: every interface
    std::uint16_t port = 0;          // 0: any free one, see port()
    HttpLimits limits;
    RouterConfig router;
  };

  // Binds and begins to accept as soon as the io_context runs.
  //
  // source, metrics   must outlive the io_context's last run; metrics may be null
  // Errors            the system's: address in use, no such address, not allowed
  static Result<std::unique_ptr<HttpServer>> open(boost::asio::io_context& context, Config config,
                                                  AdminSource& source, ShardMetrics* metrics);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::uint16_t port() const;
  std::size_t connections() const;

  // Closes the listener and all sessions. Their coroutines end when the io_context runs on.
  void stop();

 private:
  struct State;
  explicit HttpServer(std::shared_ptr<State> state);

  std::shared_ptr<State> state_;
};

}  // namespace strandline
