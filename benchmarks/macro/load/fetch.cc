// Reads a topic that `produce` filled, from its beginning, one Fetch in flight, bytes unseen.
//
// All batches of such a topic are alike, so the next offset follows from the number of bytes that
// came; a batch cut off at the end of an answer counts as not come, as in every client, and its
// bytes are no bytes read: a broker that sends more of such pieces is not the faster one.

#include <algorithm>
#include <cstdio>
#include <vector>

#include "batch.h"
#include "commands.h"
#include "placement.h"
#include "requests.h"

namespace load {

void fetch(const Options& options) {
  const std::string topic = options.text("topic", "load");
  const Address broker = bootstrap(options).front();
  Socket socket(broker.host, broker.port, 5000);
  const int partitions = static_cast<int>(await_placement(socket, topic, 10000).leaders.size());
  BatchShape shape;
  shape.record_bytes = static_cast<int>(options.number("record-bytes", 1000));
  shape.lz4 = options.text("codec", "none") == "lz4";
  shape.records =
      records_for(shape.record_bytes, static_cast<int>(options.number("batch-bytes", 65536)));
  const auto batch_bytes =
      static_cast<std::int64_t>(make_batch(shape, 1'700'000'000'000, 41).size());
  const auto fetch_bytes = static_cast<std::int32_t>(options.number("fetch-bytes", 1 << 20));
  const std::int64_t bytes_max = options.number("bytes", std::int64_t{1} << 40);

  std::vector<std::int64_t> offsets(static_cast<std::size_t>(partitions), 0);
  std::vector<bool> finished(static_cast<std::size_t>(partitions), false);
  std::int64_t record_bytes = 0;
  std::int64_t requests = 0;
  int left = partitions;
  const std::int64_t began = now_ns();
  while (left > 0 && record_bytes < bytes_max) {
    std::vector<FetchPlace> places;
    for (int n = 0; n < partitions; ++n) {
      if (!finished[static_cast<std::size_t>(n)])
        places.push_back({n, offsets[static_cast<std::size_t>(n)]});
    }
    // Turns among the partitions: the first one asked for is the one surely served.
    std::rotate(places.begin(),
                places.begin() + requests % static_cast<std::int64_t>(places.size()), places.end());
    const auto frame = fetch_frame(topic, places, fetch_bytes);
    socket.send_all(frame.data(), frame.size());
    ++requests;
    for (const Fetched& part : receive_fetch_answer(socket)) {
      if (part.error != 0)
        fail("Fetch of a partition answered error " + std::to_string(part.error));
      const std::int64_t whole = part.record_bytes / batch_bytes;
      record_bytes += whole * batch_bytes;
      auto& offset = offsets[static_cast<std::size_t>(part.partition)];
      offset += whole * shape.records;
      if (offset >= part.high_watermark) {
        finished[static_cast<std::size_t>(part.partition)] = true;
        --left;
      }
    }
  }
  const double seconds = static_cast<double>(now_ns() - began) / 1e9;
  std::printf("{\"seconds\": %.6f, \"bytes\": %lld, \"requests\": %lld}\n", seconds,
              static_cast<long long>(record_bytes), static_cast<long long>(requests));
}

}  // namespace load
