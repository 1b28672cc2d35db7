// Accepts connections on one address and deals them to the shards in turn.
//
// Thread   open(): any; after that, the loop it was opened with
// Owns     the listening socket
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "broker/metrics/shard_metrics.h"
#include "broker/runtime/shard_loop.h"
#include "protocol/base/result.h"

namespace strandline {

class Listener {
 public:
  // Takes the native handle of an accepted socket; from then on it is the taker's to close.
  using OnAccepted = std::function<void(int native_handle)>;
  // Whether one more connection may come; else why not.
  using Admit = std::function<bool(RefuseReason& reason)>;
  // Told of each connection that was turned away.
  using OnRefused = std::function<void(RefuseReason reason)>;

  // host   a name or an address; port 0 picks a free one
  //
  // Errors   any resolver or socket code; address_in_use when somebody listens there
  static Result<std::unique_ptr<Listener>> open(ShardLoop& loop, const std::string& host,
                                                std::uint16_t port);

  void start(OnRefused on_refused, Admit admit, OnAccepted on_accepted);
  // Counts what is turned away.
  void start(ShardMetrics& metrics, Admit admit, OnAccepted on_accepted);
  void close();

  boost::asio::ip::tcp::endpoint local_endpoint() const { return local_; }

 private:
  explicit Listener(ShardLoop& loop);

  void accept_next();
  // Turns one waiting connection away; false when even that was not possible.
  bool turn_one_away();

  ShardLoop& loop_;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::ip::tcp::endpoint local_;
  OnRefused on_refused_;
  Admit admit_;
  OnAccepted on_accepted_;
  TimerId retry_;
  // Closed for a moment when descriptors run out, so that a waiting connection can be accepted and
  // turned away instead of being left to hang.
  int spare_fd_ = -1;

 public:
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
};

}  // namespace strandline
