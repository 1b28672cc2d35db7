#include "requests.h"

#include <algorithm>

#include "bytes.h"

namespace load {

namespace {

constexpr std::int16_t kProduce = 0;
constexpr std::int16_t kFetch = 1;
constexpr std::int32_t kFetchBytesMax = 64 << 20;

// Reads numbers off the socket, counting, so that a record section can be skipped unseen.
class Stream {
 public:
  explicit Stream(Socket& socket) : socket_(socket) {}
  template <class T>
  T next() {
    std::uint8_t bytes[sizeof(T)];
    socket_.receive(bytes, sizeof bytes);
    return read<T>(bytes);
  }
  void skip(std::size_t size) { socket_.discard(size); }

 private:
  Socket& socket_;
};

// Behind the last record of the last batch that is there as a whole; -1 when none is.
std::int64_t end_of_batches(const std::uint8_t* at, std::int64_t size) {
  constexpr std::int64_t kHead = 8 + 4;                      // base offset, length of the rest
  constexpr std::size_t kLastDelta = 8 + 4 + 4 + 1 + 4 + 2;  // its place in a batch
  std::int64_t end = -1;
  while (size >= kHead) {
    const std::int64_t whole = kHead + read<std::int32_t>(at + 8);
    if (size < whole) break;
    end = read<std::int64_t>(at) + read<std::int32_t>(at + kLastDelta) + 1;
    at += whole;
    size -= whole;
  }
  return end;
}

}  // namespace

Writer begin_frame(std::int16_t key, std::int16_t version) {
  Writer frame;
  frame.i32(0);  // size, set by finish_frame
  frame.i16(key);
  frame.i16(version);
  frame.i32(0);  // correlation id
  frame.string("load");
  return frame;
}

std::vector<std::uint8_t> finish_frame(Writer&& frame) {
  frame.patch_i32(0, static_cast<std::uint32_t>(frame.bytes().size() - 4));
  return std::move(frame.bytes());
}

std::vector<std::uint8_t> produce_frame(const std::string& topic, std::int16_t acks,
                                        const std::vector<PartitionBatch>& batches) {
  Writer frame = begin_frame(kProduce, 7);
  frame.i16(-1);  // no transactional id
  frame.i16(acks);
  frame.i32(30000);
  frame.i32(1);
  frame.string(topic);
  frame.i32(static_cast<std::int32_t>(batches.size()));
  for (const PartitionBatch& entry : batches) {
    frame.i32(entry.partition);
    frame.i32(static_cast<std::int32_t>(entry.batch->size()));
    frame.raw(*entry.batch);
  }
  return finish_frame(std::move(frame));
}

std::int16_t produce_error(const std::vector<std::uint8_t>& answer) {
  for (const WrittenTo& each : read_produce_answer(answer)) {
    if (each.error != 0) return each.error;
  }
  return 0;
}

std::vector<WrittenTo> read_produce_answer(const std::vector<std::uint8_t>& answer) {
  const std::uint8_t* at = answer.data() + 4 + 4;  // correlation id, topic count
  at += 2 + read<std::int16_t>(at);
  auto left = read<std::int32_t>(at);
  std::vector<WrittenTo> found;
  for (at += 4; left > 0; --left, at += 4 + 2 + 8 + 8 + 8) {
    found.push_back({read<std::int32_t>(at), read<std::int16_t>(at + 4)});
  }
  return found;
}

void check_produce_answer(const std::vector<std::uint8_t>& answer) {
  const std::int16_t error = produce_error(answer);
  if (error != 0) fail("Produce answered error " + std::to_string(error));
}

std::vector<std::uint8_t> fetch_frame(const std::string& topic,
                                      const std::vector<FetchPlace>& places,
                                      std::int32_t partition_bytes_max, std::int32_t wait_ms) {
  Writer frame = begin_frame(kFetch, 11);
  frame.i32(-1);  // a consumer, not a replica
  frame.i32(wait_ms);
  frame.i32(1);  // for one byte
  frame.i32(kFetchBytesMax);
  frame.i8(0);   // read uncommitted
  frame.i32(0);  // no session
  frame.i32(-1);
  frame.i32(1);
  frame.string(topic);
  frame.i32(static_cast<std::int32_t>(places.size()));
  for (const FetchPlace& place : places) {
    frame.i32(place.partition);
    frame.i32(-1);  // leader epoch unknown
    frame.i64(place.offset);
    frame.i64(-1);
    frame.i32(partition_bytes_max);
  }
  frame.i32(0);  // nothing forgotten
  frame.i16(0);  // no rack
  return finish_frame(std::move(frame));
}

std::vector<Fetched> receive_fetch_answer(Socket& socket) {
  // Fixed parts are gathered in as few receives as the layout allows: small fetches are measured
  // too.
  std::uint8_t head[4 + 4 + 4 + 2 + 4 + 4 + 2];
  socket.receive(head, sizeof head);
  const auto error = read<std::int16_t>(head + 12);
  if (error != 0) fail("Fetch answered error " + std::to_string(error));
  const auto name_size = read<std::int16_t>(head + 22);
  std::vector<std::uint8_t> name(static_cast<std::size_t>(name_size) + 4);
  socket.receive(name.data(), name.size());
  const auto count = read<std::int32_t>(name.data() + name_size);
  std::vector<Fetched> all;
  for (std::int32_t n = 0; n < count; ++n) {
    std::uint8_t fixed[4 + 2 + 8 + 8 + 8 + 4];
    socket.receive(fixed, sizeof fixed);
    Stream rest(socket);
    const auto aborted = read<std::int32_t>(fixed + 30);
    if (aborted > 0) rest.skip(static_cast<std::size_t>(aborted) * 16);
    std::uint8_t last[4 + 4];
    socket.receive(last, sizeof last);
    const auto size = read<std::int32_t>(last + 4);
    if (size > 0) rest.skip(static_cast<std::size_t>(size));
    all.push_back({read<std::int32_t>(fixed), read<std::int16_t>(fixed + 4),
                   read<std::int64_t>(fixed + 6), size > 0 ? size : 0});
  }
  return all;
}

std::vector<FetchedBatches> read_fetch_answer(const std::vector<std::uint8_t>& answer) {
  const std::uint8_t* at = answer.data() + 4 + 4;  // correlation id, throttle time
  const auto error = read<std::int16_t>(at);
  if (error != 0) fail("Fetch answered error " + std::to_string(error));
  at += 2 + 4;  // error, session
  std::vector<FetchedBatches> found;
  if (read<std::int32_t>(at) == 0) return found;
  at += 4;
  at += 2 + read<std::int16_t>(at);  // the one topic's name
  auto left = read<std::int32_t>(at);
  for (at += 4; left > 0; --left) {
    FetchedBatches part{read<std::int32_t>(at), read<std::int16_t>(at + 4), -1};
    at += 4 + 2 + 8 + 8 + 8;
    at += 4 + 16 * std::max(0, read<std::int32_t>(at)) + 4;  // aborted ones, preferred replica
    const std::int64_t size = std::max(0, read<std::int32_t>(at));
    at += 4;
    part.end_offset = end_of_batches(at, size);
    at += size;
    found.push_back(part);
  }
  return found;
}

std::vector<std::uint8_t> receive_answer(Socket& socket) {
  std::uint8_t size[4];
  socket.receive(size, sizeof size);
  std::vector<std::uint8_t> answer(read<std::uint32_t>(size));
  socket.receive(answer.data(), answer.size());
  return answer;
}

}  // namespace load
