#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdio>
#include <map>
#include <string>

#include "client/net/clocks.h"
#include "client/net/producer_driver.h"
#include "tests/chaos/client/jobs.h"
#include "tests/chaos/client/signed_value.h"
#include "tests/chaos/client/until_input_ends.h"

namespace strandline::chaos {
namespace {

using namespace std::chrono_literals;
using client::RecordId;
using client::RecordsSettled;

double seconds(Instant at) { return std::chrono::duration<double>(at.time_since_epoch()).count(); }

class Producing {
 public:
  explicit Producing(const JobOptions& options)
      : options_(options),
        prng_(options.seed),
        driver_(io_, options.bootstrap, producer_config(), connection_config(),
                {.on_settled = [this](const RecordsSettled& settled) { note(settled); }},
                options.seed),
        timer_(io_),
        input_(io_, [this] { stop(); }) {}

  int run() {
    send();
    io_.run();
    return status_;
  }

 private:
  struct Sending {
    std::int32_t partition = 0;
    std::uint64_t counter = 0;
    Instant began;
  };

  static client::ProducerConfig producer_config() {
    return {.linger = 2ms,
            .delivery_timeout = 300s,
            .request_timeout = 1500ms,
            .retry = {.first = 30ms, .max = 300ms},
            .metadata_age_max = 2s};
  }
  static client::ConnectionConfig connection_config() {
    return {.client_id = "chaos-producer", .answer_max = 3s};
  }

  void stop() {
    stopping_ = true;
    timer_.cancel();
    driver_.flush();
    end_if_done();
  }

  void end_if_done() {
    if (stopping_ && driver_.unsettled_records() == 0) io_.stop();
  }

  void send() {
    if (stopping_) return;
    if (driver_.unsettled_records() < options_.unsettled_max) send_one();
    // From a fifth of the pause to nine fifths of it.
    const auto fifth = static_cast<std::uint64_t>(options_.pause_us / 5);
    timer_.expires_after(std::chrono::microseconds{fifth + prng_.below(8 * fifth + 1)});
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) send();
    });
  }

  void send_one() {
    const auto partition =
        static_cast<std::int32_t>(prng_.below(static_cast<std::uint64_t>(options_.partitions)));
    const Sending sending{partition, counters_[partition]++, client::steady_now()};
    std::printf("sent %d %lu %.6f\n", partition, sending.counter, seconds(sending.began));
    const std::string value =
        value_of({options_.producer, static_cast<std::uint32_t>(partition), sending.counter});
    const auto id =
        driver_.append({options_.topic, PartitionIndex{partition}}, {.value = as_bytes(value)});
    if (id) {
      sendings_[id.value()] = sending;
      return;
    }
    std::printf("fail %d %lu not-written %s\n", partition, sending.counter,
                id.error().message().c_str());
    status_ = 1;
    io_.stop();
  }

  void note(const RecordsSettled& settled) {
    const auto& outcome = settled.outcome;
    std::int64_t place = 0;
    for (const RecordId id : outcome.records) {
      const auto sending = sendings_.extract(id).mapped();
      if (outcome.error) {
        std::printf("fail %d %lu %s %s\n", sending.partition, sending.counter,
                    outcome.may_be_written ? "may-be-written" : "not-written",
                    outcome.error.message().c_str());
        continue;
      }
      const bool knows_offset = outcome.base_offset != kNoOffset;
      const std::string offset =
          knows_offset ? std::to_string(outcome.base_offset.value() + place++) : "-";
      std::printf("ack %d %lu %s %d %.6f %.6f\n", sending.partition, sending.counter,
                  offset.c_str(), outcome.acked_by.value(), seconds(sending.began),
                  seconds(client::steady_now()));
    }
    end_if_done();
  }

  const JobOptions& options_;
  Prng prng_;
  boost::asio::io_context io_;
  client::ProducerDriver driver_;
  boost::asio::steady_timer timer_;
  UntilInputEnds input_;
  std::map<std::int32_t, std::uint64_t> counters_;
  std::map<RecordId, Sending> sendings_;
  bool stopping_ = false;
  int status_ = 0;
};

}  // namespace

int produce(const JobOptions& options) { return Producing{options}.run(); }

}  // namespace strandline::chaos
