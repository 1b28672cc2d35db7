// Our connection to one broker: made when there is something to send, asked for the broker's
// versions, and made again after it broke. Requests go out in the order of send(), answers come in
// that order.
//
//   idle ── send ──> connecting ──> greeting ──> up ── closed by the broker, nothing under way ──>
//   idle
//     ^                  │             │          │
//     └── send, or <─ waiting <────────┴──────────┘   failed: all requests fail, then a back-off
//         queue empty
//
// Thread   the loop of its io_context
// Owns     its socket; close() or end() before the last share goes
#pragma once

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "client/core/retry_delay.h"
#include "client/net/request_codec.h"
#include "protocol/base/host_port.h"
#include "protocol/base/prng.h"

namespace strandline::client {

struct ConnectionConfig {
  std::string client_id = "strandline";
  // One try to reach the address, with the first exchange. A packet that was lost is not waited
  // for: the kernel repeats it after one second, then after two more.
  Duration connect_max = std::chrono::milliseconds{750};
  // From send() to the answer. Longer than any wait that a request allows its broker.
  Duration answer_max = std::chrono::seconds{35};
  RetryDelay reconnect = {.first = std::chrono::milliseconds{20},
                          .max = std::chrono::milliseconds{500}};
  std::size_t frame_bytes_max = std::size_t{128} << 20;  // of one answer
  std::size_t requests_max = 1000;                       // that wait for their answers

  // What is wrong with it, in a few words; empty when nothing is.
  std::string_view problem() const;
};

// What came of a request.
struct Answer {
  ResponseBody body;
  std::shared_ptr<const void> frame;  // what the body borrows from
};
struct Sent {};  // it has no answer, and its last byte was handed to the system
struct Failure {
  ErrorCode error;
  Delivery delivery;
};
using Reply = std::variant<Answer, Sent, Failure>;
using OnReply = std::function<void(Reply reply)>;

class BrokerConnection : public std::enable_shared_from_this<BrokerConnection> {
 public:
  // seed   of the jitter between tries to connect
  static std::shared_ptr<BrokerConnection> make(boost::asio::io_context& io, HostPort address,
                                                const ConnectionConfig& config, std::uint64_t seed);
  ~BrokerConnection();

  // Encodes the request before it returns. `on_reply` runs once, later, on the loop; never after
  // close().
  //
  // Failures  rpc_not_connected     not reached; or in a version that it turned out not to know,
  // which
  //                                 the next request of the kind will not be. Not sent
  //           rpc_queue_full        requests_max are under way. Not sent
  //           unsupported_version   there is no version that both sides know. Not sent
  //           request_timed_out     no answer within answer_max
  //           any of the socket, and of reading what came
  void send(const RequestBody& body, OnReply on_reply);

  // Fails all requests and ends the connection. Nothing may be sent any more.
  void end();

  // Ends the connection without a word to those who wait. Nothing may be sent any more.
  void close();

  // The last try failed, and the next has not worked yet.
  bool is_failing() const { return failures_ > 0; }
  std::size_t requests() const { return requests_.size(); }
  const HostPort& address() const { return address_; }

 private:
  enum class State : std::uint8_t { idle, waiting, connecting, greeting, up, closed };

  struct Request {
    EncodedRequest encoded;
    OnReply on_reply;
    boost::asio::steady_timer::time_point expires;
    bool begun = false;    // some of its bytes may have left
    bool written = false;  // all of them have
  };

  BrokerConnection(boost::asio::io_context& io, HostPort address, const ConnectionConfig& config,
                   std::uint64_t seed);

  // broker_connection.cc
  void connect();
  void connect_to(const std::vector<boost::asio::ip::tcp::endpoint>& endpoints);
  void greet();
  void on_greeting(ByteView frame);
  void write_next();
  void on_written(const boost::system::error_code& error);
  void settle_unanswered();
  void fail(const ErrorCode& error);
  void go_idle();
  void fail_later(OnReply on_reply, const ErrorCode& error);
  void watch();
  void on_timer();

  // broker_connection_read.cc
  void read_size();
  void read_frame(std::size_t bytes);
  void on_frame();
  void take_answer();
  void on_read_failed(const boost::system::error_code& error);

  boost::asio::io_context& io_;
  const HostPort address_;
  const ConnectionConfig config_;
  Prng prng_;
  State state_ = State::idle;
  std::uint64_t attempt_ = 0;  // what was begun under an older one comes to nothing
  std::int32_t failures_ = 0;
  boost::asio::ip::tcp::resolver resolver_;
  boost::asio::ip::tcp::socket socket_;
  // Of the state: the back-off, the try to connect; when up, of the request that waits longest.
  boost::asio::steady_timer timer_;
  boost::asio::steady_timer::time_point state_until_;
  std::optional<ServedVersions> served_;  // as of the last connection
  std::int32_t last_correlation_ = 0;
  std::int32_t greeting_correlation_ = 0;
  wire::ByteBuffer greeting_;
  bool writing_ = false;
  std::deque<std::shared_ptr<Request>> requests_;  // those written come first
  std::array<std::byte, 4> size_{};
  std::shared_ptr<std::vector<std::byte>> frame_;
};

}  // namespace strandline::client
