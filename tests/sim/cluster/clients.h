// Producers and readers of the simulated cluster. A producer is idempotent, has one batch under
// way, and sends it until it is acknowledged, to whoever leads as some broker's metadata says.
// Readers ask leaders how far they may read.
//
// Thread   the world's
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/ids.h"
#include "protocol/record/compression.h"
#include "tests/sim/cluster/checker.h"
#include "tests/sim/cluster/world.h"

namespace strandline::cluster_sim {

class Clients {
 public:
  struct Options {
    std::string topic;
    int partitions = 2;
    int producers = 4;      // with acks=all
    int lax_producers = 1;  // with acks=1
    std::uint64_t think_ms_max = 100;
  };
  struct Stats {
    std::uint64_t sent = 0;
    std::uint64_t retried = 0;
    std::uint64_t acked = 0;  // with acks=all
    std::uint64_t acked_lax = 0;
    std::uint64_t refused = 0;
    std::uint64_t timed_out = 0;
    std::uint64_t reads = 0;
    std::uint64_t producers_begun_anew = 0;
  };

  Clients(World& world, Checker& checker, const Options& options);

  // The topic is there, with this id.
  void start(const Uuid& topic_id);
  // What is under way is still sent until it is acknowledged.
  void stop_producing() { producing_ = false; }
  bool all_answered() const;
  // One more batch to each partition, to be acknowledged.
  void produce_once();

  const Stats& stats() const { return stats_; }

 private:
  struct Pending {
    std::shared_ptr<std::vector<std::byte>> bytes;
    std::int32_t records = 0;
  };
  struct Producer {
    std::size_t index = 0;
    bool acks_all = true;
    PartitionIndex partition;
    ProducerId id;
    Sequence next{0};
    std::optional<Pending> pending;
    std::uint64_t attempt = 0;
    int leader = 0;  // as it believes; 0: nobody
    bool is_thinking = false;
  };
  struct Answer {
    ErrorCode error;
    Offset base_offset = kNoOffset;
    Offset end = kNoOffset;
    LeaderEpoch leader_epoch = kNoLeaderEpoch;
  };

  PartitionKey place_of(PartitionIndex partition) const { return {topic_id_, partition}; }
  int find_leader(PartitionIndex partition);
  void think(Producer& producer);
  void make_batch(Producer& producer);
  void send(Producer& producer);
  void send_again(Producer& producer, Duration wait);
  void serve(Host& host, std::size_t producer, std::uint64_t attempt);
  void answer(std::size_t producer, std::uint64_t attempt, const Answer& answer);
  void take(Producer& producer, const Answer& answer);
  void read_some();
  void serve_read(Host& host, PartitionIndex partition, Offset acked_before);

  World& world_;
  Checker& checker_;
  const Options options_;
  Uuid topic_id_;
  Compressor compressor_;
  std::vector<Producer> producers_;
  std::int64_t ids_ = 0;
  std::uint64_t batches_ = 0;
  bool producing_ = true;
  Stats stats_;
};

}  // namespace strandline::cluster_sim
