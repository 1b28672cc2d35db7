// The requests of the load generator in fixed, old, widely served versions, and their answers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bytes.h"
#include "socket.h"

namespace load {

// A request from its header on; the size comes first, with the bytes that finish_frame returns.
Writer begin_frame(std::int16_t key, std::int16_t version);
std::vector<std::uint8_t> finish_frame(Writer&& frame);

struct PartitionBatch {
  std::int32_t partition;
  const std::vector<std::uint8_t>* batch;
};

// A whole Produce v7 frame; the correlation id is at kCorrelationAt, ready to be patched.
std::vector<std::uint8_t> produce_frame(const std::string& topic, std::int16_t acks,
                                        const std::vector<PartitionBatch>& batches);
constexpr std::size_t kCorrelationAt = 8;

struct WrittenTo {
  std::int32_t partition;
  std::int16_t error;
};

// What a Produce v7 answer (without its size) says of each partition.
std::vector<WrittenTo> read_produce_answer(const std::vector<std::uint8_t>& answer);

// The first error of a Produce v7 answer (without its size); 0: every partition succeeded.
std::int16_t produce_error(const std::vector<std::uint8_t>& answer);

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

struct FetchedBatches {
  std::int32_t partition;
  std::int16_t error;
  std::int64_t end_offset;  // behind the last whole batch; -1: none came
};

// The same from an answer that was received whole (without its size), with the offsets that came.
std::vector<FetchedBatches> read_fetch_answer(const std::vector<std::uint8_t>& answer);

// One answer's bytes, without its size.
std::vector<std::uint8_t> receive_answer(Socket& socket);

}  // namespace load
