// Replicas that compare their sealed segments; what the controller would decide, the test does.
#include "broker/partition/scrubber.h"

#include "protocol/base/crc32c.h"
#include "tests/unit/broker/partition/replication_harness.h"

namespace strandline {
namespace {

constexpr std::int64_t kFast = std::int64_t{1} << 30;

// Three brokers with ten batches, two a segment, of which all but the last are sealed.
class ScrubHarness : public ReplicationHarness {
 public:
  explicit ScrubHarness(int brokers = 3)
      : ReplicationHarness(brokers, {{"segment.bytes", "1024"}}) {
    decide(1, 0, all(brokers));
    show(all(brokers));
    produce(1, 10, {.value_bytes = 340});
    for (const int node : all(brokers)) REQUIRE(reaches_end(node, 10));
  }

  static std::vector<int> all(int brokers) {
    std::vector<int> nodes;
    for (int node = 1; node <= brokers; ++node) nodes.push_back(node);
    return nodes;
  }
  // Rounds of this length, at this rate.
  void scrub(int interval_ms, std::int64_t rate = kFast) {
    for (auto& [node, broker] : running) {
      broker->on_shard([&] {
        broker->settings.scrub_interval_ms = interval_ms;
        broker->scrub_line.set_rate(steady_now(), rate);
        broker->scrubber.start();
      });
    }
  }
  ShardMetrics& metrics(int node) { return (*this)[node].metrics; }
  bool reaches(int node, Counter ShardMetrics::* counter, std::uint64_t value) {
    return (*this)[node].reaches([&] { return (metrics(node).*counter).value() >= value; });
  }
  // The second segment of a broker's log.
  std::string second_segment(int node) {
    std::vector<std::string> logs;
    const std::vector<std::string> names = disks.at(node).disk.list("t-0").value();
    for (const std::string& name : names) {
      if (name.ends_with(".log")) logs.push_back("t-0/" + name);
    }
    REQUIRE(logs.size() > 3);
    return logs[1];
  }
  void damage(int node) {
    REQUIRE(disks.at(node).disk.flip_bit(second_segment(node), 90, 2, false));
  }
  // As the controller does it: the damaged one leaves, and comes back once it has caught up.
  void fill_again(int node, int leader, const std::vector<int>& others) {
    decide(leader, partition_epoch() + 1, others);
    show(all(static_cast<int>(running.size())));
    REQUIRE(reaches_end(node, 10));
  }
};

TEST_CASE("Scrubber: whole replicas are found to be the same", "[scrubber]") {
  ScrubHarness t;
  t.scrub(100);
  for (const int node : {2, 3}) REQUIRE(t.reaches(node, &ShardMetrics::scrub_compared, 3));
  REQUIRE(t.reaches(1, &ShardMetrics::scrub_rounds, 3));
  for (const int node : {1, 2, 3}) {
    CHECK(t.metrics(node).scrub_bytes.value() > 500);
    CHECK(t.metrics(node).scrub_differences.value() == 0);
    CHECK(t.metrics(node).scrub_damaged.value() == 0);
    CHECK(t[node].damage_reports == 0);
  }
}

TEST_CASE("Scrubber: a follower finds its damage, and fetches its records again", "[scrubber]") {
  ScrubHarness t;
  const std::string whole = t.log_of(1);
  t.damage(3);
  t.scrub(100);
  REQUIRE(t[3].reaches([&] { return t[3].damage_reports > 0; }));
  CHECK(t.reaches(3, &ShardMetrics::scrub_damaged, 1));
  CHECK(t[2].damage_reports == 0);
  CHECK(t[1].damage_reports == 0);
  CHECK(t[3].damage.last == t.second_segment(3));
  t.fill_again(3, 1, {1, 2});
  CHECK(t.log_of(3) == whole);
}

TEST_CASE("Scrubber: a leader finds its damage, and says nothing of it to its followers",
          "[scrubber]") {
  ScrubHarness t;
  const std::string whole = t.log_of(2);
  t.damage(1);
  t.scrub(100);
  REQUIRE(t[1].reaches([&] { return t[1].damage_reports > 0; }));
  REQUIRE(t.reaches(1, &ShardMetrics::scrub_rounds, 2));
  for (const int node : {2, 3}) {
    CHECK(t.metrics(node).scrub_differences.value() == 0);
    CHECK(t[node].damage_reports == 0);
  }
  t.fill_again(1, 2, {2, 3});
  CHECK(t.log_of(1) == whole);
}

TEST_CASE("Scrubber: a sector that cannot be read is damage", "[scrubber]") {
  ScrubHarness t;
  t.disks.at(3).disk.plan(
      {.call = DiskCall::read, .repeat = 1000, .path_part = t.second_segment(3)});
  t.scrub(100);
  CHECK(t[3].reaches([&] { return t[3].damage_reports > 0; }));
  CHECK(t[2].damage_reports == 0);
}

TEST_CASE("Scrubber: whole records that are others are told of, and left as they are",
          "[scrubber]") {
  ScrubHarness t;
  SimDisk& disk = t.disks.at(3).disk;
  const std::string path = t.second_segment(3);
  const auto file = disk.open(path, OpenMode::read_write).value();
  std::vector<std::byte> bytes(file->size().value());
  REQUIRE(file->read_at(0, bytes).value() == bytes.size());
  const BatchHeader header = parse_batch(bytes).value();
  std::vector<std::byte> other = make_batch({.value_bytes = 340});
  REQUIRE(other.size() == header.size_bytes());
  // Another value in the record, and its checksum.
  other[other.size() - 5] = std::byte{'w'};
  assign_batch_offset(other, header.base_offset, header.leader_epoch);
  store_be(other.data() + 17, crc32c(ByteView{other}.subspan(21)));
  REQUIRE(batch_crc_matches(other));
  REQUIRE(file->write_at(0, ByteView{other}).has_value());
  REQUIRE(file->sync().has_value());
  t.scrub(100);
  REQUIRE(t.reaches(3, &ShardMetrics::scrub_differences, 1));
  CHECK(t[3].damage_reports == 0);
  CHECK(t.metrics(2).scrub_differences.value() == 0);
}

TEST_CASE("Scrubber: a replica alone checks what it has", "[scrubber]") {
  ScrubHarness t{1};
  t.damage(1);
  t.scrub(100);
  CHECK(t.reaches(1, &ShardMetrics::scrub_damaged, 1));
}

TEST_CASE("Scrubber: reads no faster than it may, and at rate 0 nothing", "[scrubber]") {
  ScrubHarness t;
  t.scrub(100, 0);
  // A round reads three kilobytes, ten times a second if it could.
  t[1].on_shard([] {});
  CHECK(t.metrics(1).scrub_bytes.value() == 0);
  t[1].on_shard([&] { t[1].scrub_line.set_rate(steady_now(), 10'000); });
  const Instant began = steady_now();
  REQUIRE(t.reaches(1, &ShardMetrics::scrub_bytes, 40'000));
  const std::chrono::duration<double> took = steady_now() - began;
  const auto bytes = static_cast<double>(t.metrics(1).scrub_bytes.value());
  CHECK(bytes < 10'000 * (took.count() + 0.25) + 8000);
}

TEST_CASE("Scrubber: what a follower cannot compare is left out", "[scrubber]") {
  ScrubHarness t;
  t.scrub(3'600'000);  // no round of its own
  const RangeDigest good{.place = t.place,
                         .leader_epoch = LeaderEpoch{0},
                         .start = Offset{0},
                         .end = Offset{2},
                         .bytes = 2000,
                         .xxh3 = 1};
  std::vector<RangeDigest> told(4, good);
  told[0].leader_epoch = LeaderEpoch{1};
  told[1].end = Offset{11};  // it has no such records
  told[2].place.partition = PartitionIndex{1};
  TestBroker& broker = t[3];
  broker.on_shard([&] {
    for (int i = 0; i < 3; ++i) broker.scrubber.take(told[static_cast<std::size_t>(i)]);
  });
  REQUIRE(t.reaches(3, &ShardMetrics::scrub_skipped, 3));
  CHECK(t.metrics(3).scrub_compared.value() == 0);
  broker.on_shard([&] { broker.scrubber.take(told[3]); });
  CHECK(t.reaches(3, &ShardMetrics::scrub_differences, 1));
  // A leader does not let others tell it what it has.
  t[1].on_shard([&] { t[1].scrubber.take(good); });
  CHECK(t.reaches(1, &ShardMetrics::scrub_skipped, 1));
}

TEST_CASE("Scrubber: of more digests than can wait the oldest are left out", "[scrubber]") {
  ScrubHarness t;
  t.scrub(3'600'000, 0);
  TestBroker& broker = t[3];
  broker.on_shard([&] {
    for (int i = 0; i < 100; ++i) {
      broker.scrubber.take({.place = t.place,
                            .leader_epoch = LeaderEpoch{0},
                            .start = Offset{0},
                            .end = Offset{2},
                            .bytes = 1000,
                            .xxh3 = 1});
    }
  });
  CHECK(t.metrics(3).scrub_skipped.value() == 36);
}

}  // namespace
}  // namespace strandline
