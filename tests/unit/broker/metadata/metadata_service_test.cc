#include "broker/metadata/metadata_service.h"

#include <catch2/catch.hpp>
#include <cerrno>
#include <optional>

#include "tests/unit/broker/metadata/metadata_log_harness.h"
#include "tests/unit/broker/partition/partition_harness.h"

namespace strandline {
namespace {

ErrorCode io_error(int number) { return {number, boost::system::system_category()}; }

// The service over one shard, and what became of the commands given to it.
class ServiceHarness : public ShardHarness {
 public:
  explicit ServiceHarness(SimDisk& given) : ShardHarness(given) {
    CheckpointReport report;
    checkpoint = Checkpoint::open(disk, report).value();
    auto controller =
        std::make_unique<Controller>(ControllerConfig{.self = BrokerId{1}}, metadata_cluster(), 1);
    auto log =
        MetadataLog::open(disk, *checkpoint, metadata_cluster(), wall_now(), noted,
                          [&](const MetadataRecord& record) { return controller->replay(record); },
                          {.snapshot_bytes_min = MetadataLife::kSnapshotBytes});
    REQUIRE(log.has_value());
    on_shard([&] {
      service = std::make_unique<MetadataService>(
          shard, std::move(controller), std::move(log).value(),
          [this](Shard& to, std::shared_ptr<const MetadataImage> image,
                 std::function<void()> applied) {
            flushed_when_shown.push_back(service->log().log().flushed_end() ==
                                         service->log().log().log_end_offset());
            to.set_image(std::move(image));
            applied();
          });
    });
  }
  ~ServiceHarness() { stop(); }

  // Submits the decision of that number and waits for its answer.
  ErrorCode decide(int decision) {
    std::optional<ErrorCode> answer;
    on_shard([&] {
      service->submit(shard,
                      {.decide = [decision](Controller&) { return decision_records(decision); },
                       .done = [&](const ErrorCode& error) { answer = error; }});
    });
    REQUIRE(reaches([&] { return answer.has_value(); }));
    return *answer;
  }

  Offset log_start() {
    return on_shard([&] { return service->log().log().log_start_offset(); });
  }

  NotedDamage noted;
  std::unique_ptr<Checkpoint> checkpoint;
  std::vector<bool> flushed_when_shown;
  std::unique_ptr<MetadataService> service;
};

}  // namespace

TEST_CASE("MetadataService: the log is cut behind snapshots, and a restart finds the same image",
          "[metadata]") {
  SimDisk disk{1};
  {
    ServiceHarness t{disk};
    for (int i = 1; i <= 40; ++i) CHECK_FALSE(t.decide(i));
    REQUIRE(t.reaches([&] { return t.service->log().log().log_start_offset() > Offset{0}; }));
    CHECK(t.disk_failures == 0);
  }
  disk.crash(CrashModel::power_loss());
  MetadataLife life{disk};
  REQUIRE(life.open().has_value());
  CHECK(image_bytes(life.state->image()) == image_after(40));
}

TEST_CASE("MetadataService: a snapshot that is due at the start is written without a decision",
          "[metadata]") {
  SimDisk disk{1};
  {
    MetadataLife life{disk, 1 << 20};
    REQUIRE(life.open().has_value());
    for (int i = 0; i < 20; ++i) REQUIRE(life.decide().has_value());
    REQUIRE(life.snapshots().empty());
  }
  ServiceHarness t{disk};
  MetadataLife looking{disk};
  REQUIRE(t.reaches([&] { return looking.snapshots().size() == 1; }));
}

TEST_CASE("MetadataService: no shard sees an image that is not durable", "[metadata]") {
  SimDisk disk{1};
  ServiceHarness t{disk};
  for (int i = 1; i <= 5; ++i) CHECK_FALSE(t.decide(i));
  CHECK(t.flushed_when_shown == std::vector<bool>(5, true));
  disk.plan({.call = DiskCall::sync, .path_part = ".log"});
  CHECK(t.decide(6) == io_error(EIO));
  CHECK(t.flushed_when_shown.size() == 5);
  CHECK(t.disk_failures == 1);
  CHECK(t.on_shard([&] { return t.shard.image()->next_producer_id; }) == ProducerId{5});
}

TEST_CASE("MetadataService: an append that fails changes nothing, and the next one goes on",
          "[metadata]") {
  SimDisk disk{1};
  ServiceHarness t{disk};
  CHECK_FALSE(t.decide(1));
  disk.plan({.call = DiskCall::write, .error = ENOSPC, .path_part = ".log"});
  CHECK(t.decide(2) == io_error(ENOSPC));
  CHECK(t.disk_failures == 0);
  CHECK(t.on_shard([&] { return t.shard.image()->next_producer_id; }) == ProducerId{1});
  CHECK_FALSE(t.decide(2));
  CHECK(t.on_shard([&] { return t.shard.image()->next_producer_id; }) == ProducerId{2});
}

TEST_CASE("MetadataService: the controller hears of a full disk before it decides", "[metadata]") {
  SimDisk disk{1};
  ServiceHarness t{disk};
  const auto create = [&](const std::string& name) {
    Errc outcome = Errc::ok;
    bool answered = false;
    t.on_shard([&] {
      t.service->submit(
          t.shard,
          {.decide =
               [&](Controller& controller) {
                 auto decision = controller.create_topics(
                     std::vector<NewTopic>{{.name = name, .assignments = {{0, {BrokerId{1}}}}}},
                     false);
                 outcome = decision.items.at(0).outcome.code;
                 return std::vector<MetadataRecord>{};
               },
           .done = [&](const ErrorCode&) { answered = true; }});
    });
    REQUIRE(t.reaches([&] { return answered; }));
    return outcome;
  };
  t.refuses_changes = true;
  CHECK(create("a") == Errc::kafka_storage_error);
  t.refuses_changes = false;
  CHECK(create("a") != Errc::kafka_storage_error);
}

TEST_CASE("MetadataService: a full disk costs a snapshot and nothing else", "[metadata]") {
  SimDisk disk{1};
  ServiceHarness t{disk};
  disk.plan({.call = DiskCall::write, .repeat = 1000, .error = ENOSPC, .path_part = ".image"});
  for (int i = 1; i <= 30; ++i) CHECK_FALSE(t.decide(i));
  CHECK(t.log_start() == Offset{0});
  CHECK(t.disk_failures == 0);
}

TEST_CASE("MetadataService: a failed sync of a snapshot ends the broker", "[metadata]") {
  SimDisk disk{1};
  ServiceHarness t{disk};
  disk.plan({.call = DiskCall::sync, .path_part = ".image"});
  for (int i = 1; i <= 10; ++i) CHECK_FALSE(t.decide(i));
  REQUIRE(t.reaches([&] { return t.disk_failures == 1; }));
}

}  // namespace strandline
