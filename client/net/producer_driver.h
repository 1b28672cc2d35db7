// A producer that works: a ProducerCore with connections and a clock.
//
// Thread   the loop of its io_context
// Owns     the core and its connections; records without an outcome are dropped with it
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <vector>

#include "client/core/producer_core.h"
#include "client/net/core_driver.h"

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
  ProducerDriver(const ProducerDriver&) = delete;
  ProducerDriver& operator=(const ProducerDriver&) = delete;

  // As ProducerCore::append(); a record without a timestamp gets the present time. Hooks may run
  // before it returns, but not for this record.
  Result<RecordId> append(const TopicPartition& partition, const RecordInput& record);
  // As ProducerCore::flush().
  void flush();

  std::uint64_t unsettled_records() const { return driver_.core().unsettled_records(); }

 private:
  void tell(const ProducerEffect& effect);

  Hooks hooks_;
  CoreDriver<ProducerCore> driver_;
};

}  // namespace strandline::client
