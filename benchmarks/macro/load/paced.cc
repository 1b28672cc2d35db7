// Latency at a fixed rate. Each request has a time at which it is due, and its latency counts from
// there, whether or not it could be sent then: a broker that stalls is charged for all who wait.

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <memory>
#include <vector>

#include "batch.h"
#include "bytes.h"
#include "commands.h"
#include "placement.h"
#include "requests.h"

namespace load {

namespace {

struct PacedLane {
  explicit PacedLane(Socket&& opened) : socket(std::move(opened)) {}
  Socket socket;
  std::deque<std::int64_t> due_ns;  // of the requests whose answers have not come
  std::vector<std::uint8_t> partial;
};

void take(PacedLane& lane, std::int64_t count_from_ns, std::vector<std::int64_t>& latencies) {
  std::uint8_t buffer[4096];
  const ssize_t got = ::recv(lane.socket.fd(), buffer, sizeof buffer, MSG_DONTWAIT);
  if (got == 0) fail("the broker closed the connection");
  if (got > 0) lane.partial.insert(lane.partial.end(), buffer, buffer + got);
  const std::int64_t now = now_ns();
  while (lane.partial.size() >= 4) {
    const std::size_t size = read<std::uint32_t>(lane.partial.data());
    if (lane.partial.size() < 4 + size) break;
    const auto end = lane.partial.begin() + 4 + static_cast<std::ptrdiff_t>(size);
    check_produce_answer({lane.partial.begin() + 4, end});
    lane.partial.erase(lane.partial.begin(), end);
    if (lane.due_ns.front() >= count_from_ns) latencies.push_back(now - lane.due_ns.front());
    lane.due_ns.pop_front();
  }
}

}  // namespace

void paced(const Options& options) {
  const Address broker = bootstrap(options).front();
  const std::string topic = options.text("topic", "load");
  const auto acks = static_cast<std::int16_t>(options.text("acks", "all") == "all" ? -1 : 1);
  const std::int64_t rate = options.number("rate", 1000);
  const std::int64_t total = rate * options.number("seconds", 10);
  std::vector<std::unique_ptr<PacedLane>> lanes;
  for (std::int64_t n = 0; n < options.number("connections", 4); ++n) {
    lanes.push_back(std::make_unique<PacedLane>(Socket(broker.host, broker.port, 1000)));
  }
  const Placement placement = await_placement(lanes[0]->socket, topic, 10000);
  await_leaders(placement, topic, 10000);
  const int partitions = static_cast<int>(placement.leaders.size());
  BatchShape shape{static_cast<int>(options.number("record-bytes", 1000)), 1, false};
  const auto now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                          std::chrono::system_clock::now().time_since_epoch())
                          .count();
  const auto batch = make_batch(shape, now_ms, 41);
  std::vector<std::vector<std::uint8_t>> frames;
  for (int n = 0; n < partitions; ++n) frames.push_back(produce_frame(topic, acks, {{n, &batch}}));

  std::vector<std::int64_t> latencies;
  latencies.reserve(static_cast<std::size_t>(total));
  const std::int64_t gap_ns = 1'000'000'000 / rate;
  const std::int64_t began = now_ns() + 10'000'000;
  const std::int64_t count_from = began + options.number("warmup-seconds", 2) * 1'000'000'000;
  std::vector<pollfd> polled(lanes.size());
  std::int64_t sent = 0;
  for (;;) {
    const std::int64_t now = now_ns();
    while (sent < total && began + sent * gap_ns <= now) {
      PacedLane& lane = *lanes[static_cast<std::size_t>(sent) % lanes.size()];
      const auto& frame = frames[static_cast<std::size_t>(sent) % frames.size()];
      lane.socket.send_all(frame.data(), frame.size());
      lane.due_ns.push_back(began + sent * gap_ns);
      ++sent;
    }
    bool waiting = false;
    for (std::size_t n = 0; n < lanes.size(); ++n) {
      waiting = waiting || !lanes[n]->due_ns.empty();
      polled[n] = {lanes[n]->socket.fd(), POLLIN, 0};
    }
    if (sent == total && !waiting) break;
    const std::int64_t until =
        sent < total ? std::max<std::int64_t>(0, began + sent * gap_ns - now_ns()) : 5'000'000'000;
    const timespec pause{until / 1'000'000'000, until % 1'000'000'000};
    if (::ppoll(polled.data(), polled.size(), &pause, nullptr) == 0 && sent == total)
      fail("no answer for 5 s");
    for (std::size_t n = 0; n < lanes.size(); ++n) {
      if (polled[n].revents != 0) take(*lanes[n], count_from, latencies);
    }
  }
  std::sort(latencies.begin(), latencies.end());
  std::printf(
      "{\"requests\": %zu, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"p999_ms\": %.3f, \"max_ms\": "
      "%.3f}\n",
      latencies.size(), percentile_ms(latencies, 0.5), percentile_ms(latencies, 0.99),
      percentile_ms(latencies, 0.999), percentile_ms(latencies, 1.0));
}

}  // namespace load
