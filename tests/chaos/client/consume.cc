#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdio>
#include <string>

#include "client/net/clocks.h"
#include "client/net/fetch_driver.h"
#include "protocol/record/records.h"
#include "tests/chaos/client/jobs.h"
#include "tests/chaos/client/signed_value.h"
#include "tests/chaos/client/until_input_ends.h"

namespace strandline::chaos {
namespace {

using namespace std::chrono_literals;

double seconds(Instant at) { return std::chrono::duration<double>(at.time_since_epoch()).count(); }

class Consuming {
 public:
  explicit Consuming(const JobOptions& options)
      : options_(options),
        driver_(io_, options.bootstrap, fetch_config(), connection_config(), hooks(), options.seed),
        input_(io_, [this] { io_.stop(); }) {}

  int run() {
    for (std::int32_t partition = 0; partition < options_.partitions; ++partition) {
      driver_.seek({options_.topic, PartitionIndex{partition}}, {.offset = Offset{0}});
    }
    io_.run();
    return 0;
  }

 private:
  static client::FetchConfig fetch_config() {
    return {.bytes_min = 8192,
            .wait_max = 200ms,
            .when_lost = client::WhenLost::stop,
            .retry = {.first = 30ms, .max = 300ms},
            .metadata_age_max = 2s};
  }
  static client::ConnectionConfig connection_config() {
    return {.client_id = "chaos-consumer", .answer_max = 3s};
  }

  client::FetchDriver::Hooks hooks() {
    return {.on_batches = [this](const client::DeliverBatches& each) { note(each); },
            .on_lost = [](const client::PositionLost& each) { note(each); },
            .on_damaged = [](const client::BatchDamaged& each) { note(each); }};
  }

  void note(const client::DeliverBatches& got) {
    const bool at_leader = got.served_by == got.leader.broker;
    const Offset high_watermark = got.high_watermark;
    std::string line = "fetch " + std::to_string(got.partition.partition.value());
    line += " " + std::to_string(seconds(got.asked_at));
    line += " " + std::to_string(seconds(client::steady_now()));
    line += " " + std::to_string(got.served_by.value()) + (at_leader ? " leader " : " follower ");
    line += std::to_string(got.leader.epoch.value());
    line += " " + std::to_string(got.from.offset.value());
    line += " " + std::to_string(high_watermark.value());
    for (const ByteView batch : got.batches) line += records_of(got, batch);
    std::puts(line.c_str());
    if (!got.batches.empty() && got.next.offset > high_watermark) {
      std::printf(
          "finding I19 partition %d: broker %d served up to offset %ld, its high watermark "
          "is %ld\n",
          got.partition.partition.value(), got.served_by.value(), got.next.offset.value() - 1,
          high_watermark.value());
    }
  }

  std::string records_of(const client::DeliverBatches& got, ByteView batch) {
    constexpr std::size_t kBatchBytesMax = std::size_t{64} << 20;
    const auto header = parse_batch(batch);
    std::string text;
    const auto walked =
        for_each_record(batch, decompressor_, kBatchBytesMax, [&](const RecordView& record) {
          if (record.offset < got.from.offset) return;
          const auto name = identify(record.value.value_or(ByteView{}));
          const auto partition = static_cast<std::uint32_t>(got.partition.partition.value());
          text += " " + std::to_string(record.offset.value()) + ":";
          text += name.has_value() && name->partition == partition
                      ? std::to_string(name->producer) + ":" + std::to_string(name->counter)
                      : "-:-";
          text += ":" + std::to_string(header.value().leader_epoch.value());
        });
    if (!walked) {
      std::printf("finding I19 partition %d: the batch at offset %ld of broker %d: %s\n",
                  got.partition.partition.value(), header.value().base_offset.value(),
                  got.served_by.value(), walked.error().message().c_str());
    }
    return text;
  }

  static void note(const client::PositionLost& lost) {
    std::printf("finding I9 partition %d: the position %ld is lost: %s\n",
                lost.partition.partition.value(), lost.position.offset.value(),
                lost.error.message().c_str());
  }

  static void note(const client::BatchDamaged& damaged) {
    std::printf("finding I19 partition %d: broker %d served damage at offset %ld\n",
                damaged.partition.partition.value(), damaged.served_by.value(),
                damaged.position.offset.value());
  }

  const JobOptions& options_;
  boost::asio::io_context io_;
  client::FetchDriver driver_;
  UntilInputEnds input_;
  Decompressor decompressor_;
};

}  // namespace

int consume(const JobOptions& options) { return Consuming{options}.run(); }

}  // namespace strandline::chaos
