// As fast as the leaders take it: requests made beforehand, several in flight on each connection.

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <vector>

#include "batch.h"
#include "bytes.h"
#include "commands.h"
#include "placement.h"
#include "requests.h"

namespace load {

namespace {

struct Template {
  std::vector<std::uint8_t> frame;
  std::int64_t records = 0;
};

// What one leader takes, in turn.
struct Share {
  std::vector<Template> ready;
  std::size_t next = 0;

  const Template& take() { return ready[next++ % ready.size()]; }
};

// One request for each group of at most `spread` of these partitions.
Share share_of(const Options& options, const std::vector<std::int32_t>& partitions) {
  BatchShape shape;
  shape.record_bytes = static_cast<int>(options.number("record-bytes", 1000));
  shape.lz4 = options.text("codec", "none") == "lz4";
  shape.records =
      records_for(shape.record_bytes, static_cast<int>(options.number("batch-bytes", 65536)));
  const auto acks = static_cast<std::int16_t>(options.text("acks", "all") == "all" ? -1 : 1);
  const auto spread = static_cast<std::size_t>(options.number("spread", 16));
  const auto now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                          std::chrono::system_clock::now().time_since_epoch())
                          .count();
  const auto batch = make_batch(shape, now_ms, 41);
  Share share;
  for (std::size_t from = 0; from < partitions.size(); from += spread) {
    std::vector<PartitionBatch> batches;
    for (std::size_t n = from; n < std::min(partitions.size(), from + spread); ++n) {
      batches.push_back({partitions[n], &batch});
    }
    share.ready.push_back({produce_frame(options.text("topic", "load"), acks, batches),
                           static_cast<std::int64_t>(batches.size()) * shape.records});
  }
  return share;
}

// One connection to a leader: what is being sent, and how many answers are due.
struct Lane {
  Lane(const Address& leader, Share& its) : socket(leader.host, leader.port, 1000), share(its) {}
  Socket socket;
  Share& share;
  const Template* sending = nullptr;
  std::size_t sent = 0;
  int in_flight = 0;
  std::vector<std::uint8_t> partial;  // of the answer being received
};

// Takes what the socket has; returns the number of answers completed and checked.
int take_answers(Lane& lane) {
  std::uint8_t buffer[4096];
  const ssize_t got = ::recv(lane.socket.fd(), buffer, sizeof buffer, MSG_DONTWAIT);
  if (got == 0) fail("the broker closed the connection");
  if (got > 0) lane.partial.insert(lane.partial.end(), buffer, buffer + got);
  int done = 0;
  while (lane.partial.size() >= 4) {
    const std::size_t size = read<std::uint32_t>(lane.partial.data());
    if (lane.partial.size() < 4 + size) break;
    check_produce_answer(
        {lane.partial.begin() + 4, lane.partial.begin() + 4 + static_cast<std::ptrdiff_t>(size)});
    lane.partial.erase(lane.partial.begin(),
                       lane.partial.begin() + 4 + static_cast<std::ptrdiff_t>(size));
    ++done;
  }
  return done;
}

}  // namespace

void produce(const Options& options) {
  const Address broker = bootstrap(options).front();
  Socket control(broker.host, broker.port, 5000);
  const std::string topic = options.text("topic", "load");
  const Placement placement = await_placement(control, topic, 10000);
  await_leaders(placement, topic, 10000);
  const std::int64_t bytes_wanted = options.number("bytes", 1 << 30);
  const std::int64_t record_bytes = options.number("record-bytes", 1000);
  const int depth = static_cast<int>(options.number("depth", 8));
  std::map<std::int32_t, Share> shares;
  std::vector<std::unique_ptr<Lane>> lanes;
  for (const auto& [id, address] : placement.brokers) {
    const std::vector<std::int32_t> led = placement.led_by(id);
    if (led.empty()) continue;
    Share& share = shares[id] = share_of(options, led);
    for (std::int64_t n = 0; n < options.number("connections", 1); ++n) {
      lanes.push_back(std::make_unique<Lane>(address, share));
    }
  }

  std::int64_t records_sent = 0;
  std::int64_t wire_bytes = 0;
  std::int64_t requests = 0;
  std::int64_t due = 0;
  const std::int64_t began = now_ns();
  std::vector<pollfd> polled(lanes.size());
  for (;;) {
    const bool more = records_sent * record_bytes < bytes_wanted;
    if (!more && due == 0) break;
    for (std::size_t n = 0; n < lanes.size(); ++n) {
      Lane& lane = *lanes[n];
      if (lane.sending == nullptr && more && lane.in_flight < depth) {
        lane.sending = &lane.share.take();
        ++requests;
        lane.sent = 0;
        ++lane.in_flight;
        ++due;
        records_sent += lane.sending->records;
        wire_bytes += static_cast<std::int64_t>(lane.sending->frame.size());
      }
      if (lane.sending != nullptr) {
        const auto& frame = lane.sending->frame;
        lane.sent += lane.socket.send_some(frame.data() + lane.sent, frame.size() - lane.sent);
        if (lane.sent == frame.size()) lane.sending = nullptr;
      }
      const bool can_send = lane.sending != nullptr || (more && lane.in_flight < depth);
      polled[n] = {lane.socket.fd(), static_cast<short>(POLLIN | (can_send ? POLLOUT : 0)), 0};
    }
    if (::poll(polled.data(), polled.size(), 30000) == 0) fail("no answer for 30 s");
    for (std::size_t n = 0; n < lanes.size(); ++n) {
      if ((polled[n].revents & (POLLIN | POLLHUP | POLLERR)) == 0) continue;
      const int done = take_answers(*lanes[n]);
      lanes[n]->in_flight -= done;
      due -= done;
    }
  }
  const double seconds = static_cast<double>(now_ns() - began) / 1e9;
  std::printf(
      "{\"seconds\": %.6f, \"records\": %lld, \"bytes\": %lld, \"wire_bytes\": %lld, \"requests\": "
      "%lld}\n",
      seconds, static_cast<long long>(records_sent),
      static_cast<long long>(records_sent * record_bytes), static_cast<long long>(wire_bytes),
      static_cast<long long>(requests));
}

}  // namespace load
