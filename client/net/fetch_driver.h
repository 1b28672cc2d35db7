// A reader that works: a FetchCore with connections and a clock.
//
// Thread   the loop of its io_context
// Owns     the core and its connections
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "client/core/fetch_core.h"
#include "client/net/broker_pool.h"

namespace strandline::client {

class FetchDriver {
 public:
  // Each may be unset, and may call the driver.
  struct Hooks {
    // The batches are released when it returns.
    std::function<void(const DeliverBatches&)> on_batches;
    std::function<void(const PositionMoved&)> on_moved;
    std::function<void(const PositionLost&)> on_lost;
    std::function<void(const BatchDamaged&)> on_damaged;
  };

  // Needs    config.problem() and connections.problem() are empty
  FetchDriver(boost::asio::io_context& io, std::vector<HostPort> bootstrap,
              const FetchConfig& config, const ConnectionConfig& connections, Hooks hooks,
              std::uint64_t seed);
  ~FetchDriver();
  FetchDriver(const FetchDriver&) = delete;
  FetchDriver& operator=(const FetchDriver&) = delete;

  // As those of FetchCore.
  void seek(const TopicPartition& partition, const FetchPosition& position);
  void seek_time(const TopicPartition& partition, Timestamp time);
  void remove(const TopicPartition& partition);

 private:
  void carry_out();
  void take_effects();
  void tell(const FetchEffect& effect);
  void send(const SendRequest& request);
  void on_reply(RequestId id, const Reply& reply);
  void sleep();

  FetchCore core_;
  BrokerPool pool_;
  Hooks hooks_;
  boost::asio::steady_timer timer_;
  std::optional<Instant> wakes_at_;
  std::deque<FetchEffect> to_tell_;
  bool telling_ = false;
  std::shared_ptr<FetchDriver*> alive_;  // what callbacks hold weakly
};

}  // namespace strandline::client
