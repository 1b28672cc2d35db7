#include "requests.h"

#include <unistd.h>

#include "bytes.h"

namespace load {

namespace {

constexpr std::int16_t kProduce = 0;
constexpr std::int16_t kFetch = 1;
constexpr std::int16_t kMetadata = 3;
constexpr std::int32_t kFetchBytesMax = 64 << 20;

Writer begin(std::int16_t key, std::int16_t version) {
  Writer frame;
  frame.i32(0);  // size, set by finish
  frame.i16(key);
  frame.i16(version);
  frame.i32(0);  // correlation id
  frame.string("load");
  return frame;
}

std::vector<std::uint8_t> finish(Writer&& frame) {
  frame.patch_i32(0, static_cast<std::uint32_t>(frame.bytes().size() - 4));
  return std::move(frame.bytes());
}

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

}  // namespace

std::vector<std::uint8_t> produce_frame(const std::string& topic, std::int16_t acks,
                                        const std::vector<PartitionBatch>& batches) {
  Writer frame = begin(kProduce, 7);
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
  return finish(std::move(frame));
}

void check_produce_answer(const std::vector<std::uint8_t>& answer) {
  const std::uint8_t* at = answer.data() + 4 + 4;  // correlation id, topic count
  at += 2 + read<std::int16_t>(at);
  const auto partitions = read<std::int32_t>(at);
  at += 4;
  for (std::int32_t n = 0; n < partitions; ++n, at += 4 + 2 + 8 + 8 + 8) {
    const auto error = read<std::int16_t>(at + 4);
    if (error != 0) fail("Produce answered error " + std::to_string(error));
  }
}

std::vector<std::uint8_t> fetch_frame(const std::string& topic,
                                      const std::vector<FetchPlace>& places,
                                      std::int32_t partition_bytes_max, std::int32_t wait_ms) {
  Writer frame = begin(kFetch, 11);
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
  return finish(std::move(frame));
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

std::vector<std::uint8_t> receive_answer(Socket& socket) {
  std::uint8_t size[4];
  socket.receive(size, sizeof size);
  std::vector<std::uint8_t> answer(read<std::uint32_t>(size));
  socket.receive(answer.data(), answer.size());
  return answer;
}

int await_topic(Socket& socket, const std::string& topic, int patience_ms) {
  Writer frame = begin(kMetadata, 4);
  frame.i32(1);
  frame.string(topic);
  frame.i8(1);  // may create
  const auto request = finish(std::move(frame));
  for (int waited_ms = 0; waited_ms <= patience_ms; ++waited_ms) {
    socket.send_all(request.data(), request.size());
    const auto answer = receive_answer(socket);
    const std::uint8_t* at = answer.data() + 4 + 4;  // correlation id, throttle time
    const auto brokers = read<std::int32_t>(at);
    at += 4;
    for (std::int32_t n = 0; n < brokers; ++n) {
      at += 4;
      at += 2 + read<std::int16_t>(at) + 4;  // host and port
      const auto rack = read<std::int16_t>(at);
      at += 2 + (rack > 0 ? rack : 0);
    }
    const auto cluster = read<std::int16_t>(at);
    at += 2 + (cluster > 0 ? cluster : 0) + 4 + 4;  // controller, topic count
    const auto error = read<std::int16_t>(at);
    at += 2;
    at += 2 + read<std::int16_t>(at) + 1;  // name, internal
    const auto partitions = read<std::int32_t>(at);
    at += 4;
    bool led = error == 0 && partitions > 0;
    for (std::int32_t n = 0; led && n < partitions; ++n) {
      led = read<std::int16_t>(at) == 0;
      at += 2 + 4 + 4;
      at += 4 + 4 * read<std::int32_t>(at);
      at += 4 + 4 * read<std::int32_t>(at);
    }
    if (led) return partitions;
    ::usleep(1000);
  }
  fail("topic " + topic + " did not come");
}

void await_leaders(Socket& socket, const std::string& topic, int partitions, int patience_ms) {
  std::vector<FetchPlace> places;
  for (int n = 0; n < partitions; ++n) places.push_back({n, 0});
  const auto frame = fetch_frame(topic, places, 1, 0);
  for (int waited_ms = 0; waited_ms <= patience_ms; ++waited_ms) {
    socket.send_all(frame.data(), frame.size());
    bool served = true;
    for (const Fetched& part : receive_fetch_answer(socket)) served = served && part.error == 0;
    if (served) return;
    ::usleep(1000);
  }
  fail("topic " + topic + " is not served");
}

}  // namespace load
