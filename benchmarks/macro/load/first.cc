// From a broker that may not listen yet to the first acknowledged record: connects, lets the topic
// be made, sends one record with acks=all. With --partitions N it goes on until N partitions of the
// topic have each taken a record, which is how a restart is timed.

#include <cstdio>
#include <vector>

#include "batch.h"
#include "commands.h"
#include "placement.h"
#include "requests.h"

namespace load {

void first(const Options& options) {
  const std::string topic = options.text("topic", "first");
  const int patience_ms = static_cast<int>(options.number("patience-ms", 300'000));
  const std::int64_t since_ns = options.number("since-ns", now_ns());
  const Address broker = bootstrap(options).front();
  Socket socket(broker.host, broker.port, patience_ms);
  const std::int64_t connected = now_ns();
  await_placement(socket, topic, patience_ms);
  const auto now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                          std::chrono::system_clock::now().time_since_epoch())
                          .count();
  const auto batch = make_batch({100, 1, false}, now_ms, 41);
  std::int64_t first_ns = 0;
  for (std::int32_t n = 0; n < options.number("partitions", 1); ++n) {
    const auto frame = produce_frame(topic, -1, {{n, &batch}});
    for (;;) {
      socket.send_all(frame.data(), frame.size());
      const std::int16_t error = produce_error(receive_answer(socket));
      if (error == 0) break;
      // Not the leader yet, or being recovered: asked again until it is.
      if (now_ns() - since_ns > std::int64_t{patience_ms} * 1'000'000) {
        fail("Produce still answers error " + std::to_string(error));
      }
    }
    if (n == 0) first_ns = now_ns();
  }
  std::printf("{\"connected_ms\": %.3f, \"first_record_ms\": %.3f, \"all_partitions_ms\": %.3f}\n",
              static_cast<double>(connected - since_ns) / 1e6,
              static_cast<double>(first_ns - since_ns) / 1e6,
              static_cast<double>(now_ns() - since_ns) / 1e6);
}

}  // namespace load
