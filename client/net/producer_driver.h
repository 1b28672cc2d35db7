// A producer that works: a ProducerCore with connections and a clock.
//
// Thread   the loop of its io_context
// Owns     the core and its connections; records without an outcome are dropped with it
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "client/core/producer_core.h"
#include "client/net/broker_pool.h"

namespace strandline::client {

class ProducerDriver {
 public:
  struct Hooks {
    std::function<void(const RecordsSettled&)> on_settled;  // of each record once
    std::function<void()> on_room;  // after append() said producer_buffer_full
  };

  // hooks    may call append() and flush()
  // Needs    config.problem() and connections.problem() are empty
  ProducerDriver(boost::asio::io_context& io, std::vector<HostPort> bootstrap,
                 const ProducerConfig& config, const ConnectionConfig& connections, Hooks hooks,
                 std::uint64_t seed);
  ~ProducerDriver();
  ProducerDriver(const ProducerDriver&) = delete;
  ProducerDriver& operator=(const ProducerDriver&) = delete;

  // As ProducerCore::append(); a record without a timestamp gets the present time. Hooks may run
  // before it returns, but not for this record.
  Result<RecordId> append(const TopicPartition& partition, const RecordInput& record);
  // As ProducerCore::flush().
  void flush();

  std::uint64_t unsettled_records() const { return core_.unsettled_records(); }

 private:
  void carry_out();
  void take_effects();
  void tell(const ProducerEffect& effect);
  void send(const SendRequest& request);
  void on_reply(RequestId id, const Reply& reply);
  void sleep();

  ProducerCore core_;
  BrokerPool pool_;
  Hooks hooks_;
  boost::asio::steady_timer timer_;
  std::optional<Instant> wakes_at_;
  std::deque<ProducerEffect> to_tell_;
  bool telling_ = false;
  std::shared_ptr<ProducerDriver*> alive_;  // what callbacks hold weakly
};

}  // namespace strandline::client
