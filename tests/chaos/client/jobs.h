// What the chaos client can do. Each writes one operation a line to standard output, with times of
// the system's monotonic clock in seconds, and ends when its standard input does. "-" is what is
// not known.
//
//   produce   sent PARTITION COUNTER TIME
//             ack PARTITION COUNTER OFFSET BROKER BEGAN ENDED
//             fail PARTITION COUNTER may-be-written|not-written TEXT
//   consume   fetch PARTITION BEGAN ENDED BROKER leader|follower LEADER-EPOCH OFFSET HIGH-WATERMARK
//             then for each record " OFFSET:PRODUCER:COUNTER:LEADER-EPOCH", "-" for the names of
//             one that no client of ours sent to the partition finding INVARIANT TEXT
//
// Thread   one
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "protocol/base/host_port.h"

namespace strandline::chaos {

struct JobOptions {
  std::vector<HostPort> bootstrap;
  std::string topic = "chaos";
  std::int32_t partitions = 4;
  std::uint64_t seed = 1;
  std::uint32_t producer = 0;         // produce: its number
  std::int64_t pause_us = 20'000;     // produce: between two records, on average
  std::uint64_t unsettled_max = 100;  // produce: it waits at so many records without an answer
};

// Both return the exit status.

// Idempotent, over all partitions. Ends when every record has its answer.
int produce(const JobOptions& options);

// All partitions from their start, at their leaders.
int consume(const JobOptions& options);

}  // namespace strandline::chaos
