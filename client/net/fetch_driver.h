// A reader that works: a FetchCore with connections and a clock.
//
// Thread   the loop of its io_context
// Owns     the core and its connections
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <vector>

#include "client/core/fetch_core.h"
#include "client/net/core_driver.h"

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
  FetchDriver(const FetchDriver&) = delete;
  FetchDriver& operator=(const FetchDriver&) = delete;

  // As those of FetchCore.
  void seek(const TopicPartition& partition, const FetchPosition& position);
  void seek_time(const TopicPartition& partition, Timestamp time);
  void remove(const TopicPartition& partition);

 private:
  void tell(const FetchEffect& effect);

  Hooks hooks_;
  CoreDriver<FetchCore> driver_;
};

}  // namespace strandline::client
