// From the moment at which a record is due to its arrival at a reader: one record a request at a
// fixed rate to all partitions in turn, and one waiting Fetch at each leader.
//
// Nobody else writes to the topic, so that the n-th record of a partition is the n-th sent there.

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <vector>

#include "batch.h"
#include "bytes.h"
#include "commands.h"
#include "placement.h"
#include "requests.h"

namespace load {

namespace {

constexpr std::int32_t kFetchWaitMs = 500;
constexpr std::int32_t kFetchBytes = 1 << 20;

// Takes whole answers off a socket without waiting.
class Answers {
 public:
  explicit Answers(Socket& socket) : socket_(socket) {}

  template <class Use>
  void take(const Use& use) {
    std::uint8_t buffer[65536];
    const ssize_t got = ::recv(socket_.fd(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (got == 0) fail("the broker closed the connection");
    if (got > 0) partial_.insert(partial_.end(), buffer, buffer + got);
    while (partial_.size() >= 4) {
      const std::size_t size = read<std::uint32_t>(partial_.data());
      if (partial_.size() < 4 + size) return;
      const auto end = partial_.begin() + 4 + static_cast<std::ptrdiff_t>(size);
      const std::vector<std::uint8_t> answer(partial_.begin() + 4, end);
      partial_.erase(partial_.begin(), end);
      use(answer);
    }
  }

 private:
  Socket& socket_;
  std::vector<std::uint8_t> partial_;
};

struct Partition {
  std::vector<std::int64_t> due_ns;  // by offset
  std::int64_t acked = 0;
  std::int64_t read = 0;  // the next offset to be fetched
};

// One leader: a connection that writes, and one that reads.
struct Leader {
  Leader(const Address& address, std::vector<std::int32_t> its)
      : writing(address.host, address.port, 1000),
        reading(address.host, address.port, 1000),
        led(std::move(its)) {}
  Socket writing, reading;
  std::vector<std::int32_t> led;
  Answers acknowledgements{writing}, fetched{reading};
};

class Run {
 public:
  Run(const Options& options, const Placement& placement)
      : topic_(options.text("topic", "load")),
        count_from_(now_ns() + options.number("warmup-seconds", 2) * 1'000'000'000),
        partitions_(placement.leaders.size()) {
    const BatchShape shape{static_cast<int>(options.number("record-bytes", 1000)), 1, false};
    const auto now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                            std::chrono::system_clock::now().time_since_epoch())
                            .count();
    const auto batch = make_batch(shape, now_ms, 41);
    for (std::size_t n = 0; n < partitions_.size(); ++n) {
      frames_.push_back(produce_frame(topic_, -1, {{static_cast<std::int32_t>(n), &batch}}));
    }
    by_partition_.resize(partitions_.size());
    for (const auto& [id, address] : placement.brokers) {
      const auto led = placement.led_by(id);
      if (led.empty()) continue;
      leaders_.push_back(std::make_unique<Leader>(address, led));
      for (const std::int32_t n : led)
        by_partition_[static_cast<std::size_t>(n)] = leaders_.back().get();
      ask(*leaders_.back());
    }
  }

  void send(std::int64_t number, std::int64_t due_ns) {
    const std::size_t n = static_cast<std::size_t>(number) % partitions_.size();
    partitions_[n].due_ns.push_back(due_ns);
    by_partition_[n]->writing.send_all(frames_[n].data(), frames_[n].size());
  }

  // Waits for at most this long, and takes what has come.
  void wait(std::int64_t most_ns) {
    std::vector<pollfd> polled;
    for (const auto& leader : leaders_) {
      polled.push_back({leader->writing.fd(), POLLIN, 0});
      polled.push_back({leader->reading.fd(), POLLIN, 0});
    }
    const timespec pause{most_ns / 1'000'000'000, most_ns % 1'000'000'000};
    ::ppoll(polled.data(), polled.size(), &pause, nullptr);
    for (std::size_t n = 0; n < leaders_.size(); ++n) {
      Leader& leader = *leaders_[n];
      if (polled[2 * n].revents != 0) {
        leader.acknowledgements.take([&](const auto& answer) { acknowledge(answer); });
      }
      if (polled[2 * n + 1].revents != 0) {
        leader.fetched.take([&](const auto& answer) {
          receive(answer);
          ask(leader);
        });
      }
    }
  }

  bool complete() const {
    return std::ranges::all_of(partitions_, [](const Partition& each) {
      return each.read == std::ssize(each.due_ns) && each.acked == each.read;
    });
  }

  void tell() {
    std::ranges::sort(received_);
    std::ranges::sort(acknowledged_);
    std::printf(
        "{\"requests\": %zu, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f, "
        "\"ack_p50_ms\": %.3f, \"ack_p99_ms\": %.3f}\n",
        received_.size(), percentile_ms(received_, 0.5), percentile_ms(received_, 0.99),
        percentile_ms(received_, 1.0), percentile_ms(acknowledged_, 0.5),
        percentile_ms(acknowledged_, 0.99));
  }

 private:
  void ask(Leader& leader) {
    std::vector<FetchPlace> places;
    for (const std::int32_t n : leader.led) {
      places.push_back({n, partitions_[static_cast<std::size_t>(n)].read});
    }
    const auto frame = fetch_frame(topic_, places, kFetchBytes, kFetchWaitMs);
    leader.reading.send_all(frame.data(), frame.size());
  }

  void acknowledge(const std::vector<std::uint8_t>& answer) {
    for (const WrittenTo& each : read_produce_answer(answer)) {
      if (each.error != 0) fail("Produce answered error " + std::to_string(each.error));
      // One connection writes to a partition, and is answered in order.
      Partition& partition = partitions_.at(static_cast<std::size_t>(each.partition));
      note(partition.due_ns.at(static_cast<std::size_t>(partition.acked++)), acknowledged_);
    }
  }

  void receive(const std::vector<std::uint8_t>& answer) {
    for (const FetchedBatches& part : read_fetch_answer(answer)) {
      if (part.error != 0) fail("Fetch answered error " + std::to_string(part.error));
      Partition& partition = partitions_.at(static_cast<std::size_t>(part.partition));
      for (; partition.read < part.end_offset; ++partition.read) {
        note(partition.due_ns.at(static_cast<std::size_t>(partition.read)), received_);
      }
    }
  }

  void note(std::int64_t due_ns, std::vector<std::int64_t>& to) const {
    if (due_ns >= count_from_) to.push_back(now_ns() - due_ns);
  }

  std::string topic_;
  std::int64_t count_from_;
  std::vector<Partition> partitions_;
  std::vector<Leader*> by_partition_;
  std::vector<std::vector<std::uint8_t>> frames_;
  std::vector<std::unique_ptr<Leader>> leaders_;
  std::vector<std::int64_t> received_, acknowledged_;
};

}  // namespace

void end_to_end(const Options& options) {
  constexpr std::int64_t kPatience = 10'000'000'000;
  const Address broker = bootstrap(options).front();
  Socket control(broker.host, broker.port, 5000);
  const std::string topic = options.text("topic", "load");
  const Placement placement = await_placement(control, topic, 10000);
  await_leaders(placement, topic, 10000);
  Run run(options, placement);
  const std::int64_t rate = options.number("rate", 1000);
  const std::int64_t total = rate * options.number("seconds", 10);
  const std::int64_t gap_ns = 1'000'000'000 / rate;
  const std::int64_t began = now_ns() + 10'000'000;
  for (std::int64_t sent = 0; sent < total;) {
    for (; sent < total && began + sent * gap_ns <= now_ns(); ++sent) {
      run.send(sent, began + sent * gap_ns);
    }
    run.wait(std::max<std::int64_t>(0, began + sent * gap_ns - now_ns()));
  }
  const std::int64_t until = now_ns() + kPatience;
  while (!run.complete()) {
    if (now_ns() > until) fail("not all records were read 10 s after the last was sent");
    run.wait(kPatience / 10);
  }
  run.tell();
}

}  // namespace load
