// The requests of the load generator in fixed, old, widely served versions, and their answers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "socket.h"

namespace load {

struct PartitionBatch {
  std::int32_t partition;
  const std::vector<std::uint8_t>* batch;
};

// A whole Produce v7 frame; the correlation id is at kCorrelationAt, ready to be patched.
std::vector<std::uint8_t> produce_frame(const std::string& topic, std::int16_t acks,
                                        const std::vector<PartitionBatch>& batches);
constexpr std::size_t kCorrelationAt = 8;

// Ends the program unless every partition of a Produce v7 answer (without its size) succeeded.
void check_produce_answer(const std::vector<std::uint8_t>& answer);

struct FetchPlace {
  std::int32_t partition;
  std::int64_t offset;
};

// A whole Fetch v11 frame without a session.
std::vector<std::uint8_t> fetch_frame(const std::string& topic,
                                      const std::vector<FetchPlace>& places,
                                      std::int32_t partition_bytes_max,
                                      std::int32_t wait_ms = 1000);

struct Fetched {
  std::int32_t partition;
  std::int16_t error;
  std::int64_t high_watermark;
  std::int64_t record_bytes;
};

// Reads one Fetch v11 answer off the socket, the record bytes unseen.
std::vector<Fetched> receive_fetch_answer(Socket& socket);

// Asks for a topic's metadata until it exists with a leader everywhere (and so creates it, where
// the broker does that); returns its number of partitions.
int await_topic(Socket& socket, const std::string& topic, int patience_ms);

// Asks until every partition's leader serves it: Kafka's own metadata runs ahead of that.
void await_leaders(Socket& socket, const std::string& topic, int partitions, int patience_ms);

// One answer's bytes, without its size and correlation id.
std::vector<std::uint8_t> receive_answer(Socket& socket);

}  // namespace load
