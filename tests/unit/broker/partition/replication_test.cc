// A partition on two or three brokers of this process, over real connections.
#include "tests/unit/broker/partition/replication_harness.h"

namespace strandline {
namespace {

TEST_CASE("replication: acks=all is answered when all in-sync replicas have it on disk",
          "[replication]") {
  ReplicationHarness t{3};
  t.decide(1, 0, {1, 2, 3});
  t.show({1, 2, 3});
  const std::size_t first = t.produce(1, 5, {.records = 2});
  REQUIRE(t.is_acked(1, first, 5));
  for (const int node : {1, 2, 3}) {
    REQUIRE(t.reaches_end(node, 10));
    CHECK(t[node].on_shard([&] { return t[node].find(t.place)->log().flushed_end(); }) ==
          Offset{10});
  }
  CHECK(t.log_of(1) == t.log_of(2));
  CHECK(t.log_of(1) == t.log_of(3));
}

TEST_CASE("replication: what waits is not answered before the last in-sync replica has it",
          "[replication]") {
  ReplicationHarness t{3};
  t.decide(1, 0, {1, 2, 3});
  t.show({1, 2});
  const std::size_t first = t.produce(1);
  REQUIRE(t[2].reaches([&] { return t[2].find(t.place)->bounds().log_end_offset == Offset{1}; }));
  CHECK(t[1].bounds(t.place).high_watermark == Offset{0});
  CHECK_FALSE(t[1].on_shard([&] { return t.ack_at(first).came; }));
  t.show({3});
  CHECK(t.is_acked(1, first));
}

TEST_CASE("replication: nobody follows with another data directory than its node.id is known by",
          "[replication]") {
  ReplicationHarness t{2};
  t.decide(1, 0, {1, 2});
  BrokerRegistrationRecord known{.broker = BrokerId{2},
                                 .incarnation = t[2].incarnation,
                                 .broker_epoch = 100,
                                 .directory = ShardHarness::uuid_of(3000),
                                 .rpc = HostPort{"127.0.0.1", t[2].port}};
  REQUIRE(t.metadata.apply(known).has_value());
  t.show({1, 2});
  const std::size_t first = t.produce(1);
  const auto& refused =
      t[1].links.metrics().refused[static_cast<std::size_t>(RefusalReason::directory)];
  REQUIRE(t[1].reaches([&] { return refused.value() > 0; }));
  CHECK_FALSE(t[1].on_shard([&] { return t.ack_at(first).came; }));
  // Once the one that is known is gone, it may be the one whose disk was replaced.
  known.fenced = true;
  known.broker_epoch = 101;
  REQUIRE(t.metadata.apply(known).has_value());
  t.show({1});
  CHECK(t.is_acked(1, first));
}

TEST_CASE("replication: followers that hear of a term before its leader does are served then",
          "[replication]") {
  ReplicationHarness t{3};
  t.decide(1, 0, {1, 2, 3});
  t.show({2, 3});
  REQUIRE(t[1].reaches([&] { return t[1].links.streams_waiting() == 2; }));
  t.show({1});
  CHECK(t[1].on_shard([&] { return t[1].links.streams_waiting(); }) == 0);
  CHECK(t.is_acked(1, t.produce(1)));
  // An earlier leader that has yet to hear of the next one's followers.
  t.decide(2, 1, {1, 2, 3});
  t.show({3});
  REQUIRE(t[2].reaches([&] { return t[2].links.streams_waiting() == 1; }));
  t.kill(3);
  CHECK(t[2].reaches([&] { return t[2].links.streams_waiting() == 0; }));
}

TEST_CASE("replication: a follower that restarts goes on where it was", "[replication]") {
  ReplicationHarness t{3};
  t.decide(1, 0, {1, 2, 3});
  t.show({1, 2, 3});
  REQUIRE(t.is_acked(1, t.produce(1, 3), 3));
  t.kill(3);
  const std::size_t later = t.produce(1, 20, {.value_bytes = 1000});
  t.start(3);
  t.show({1, 2, 3});
  REQUIRE(t.is_acked(1, later, 20));
  REQUIRE(t.reaches_end(3, 23));
  CHECK(t.log_of(1) == t.log_of(3));
}

TEST_CASE("replication: a tail that only an old leader has is cut when it follows",
          "[replication]") {
  ReplicationHarness t{3};
  t.decide(1, 0, {1, 2, 3});
  t.show({1, 2, 3});
  REQUIRE(t.is_acked(1, t.produce(1, 3), 3));
  for (const int node : {2, 3}) REQUIRE(t.reaches_end(node, 3));
  t.kill(2);
  t.kill(3);
  const std::size_t lost = t.produce(1, 2, {.value_bytes = 77});
  t.start(2);
  t.start(3);
  t.decide(2, 1, {2, 3});
  t.show({2, 3});
  REQUIRE(t.is_acked(2, t.produce(2, 4), 4));
  REQUIRE(t[1].bounds(t.place).log_end_offset == Offset{5});
  t.show({1});
  // Who waited for the old leader is told that this may be committed or not.
  CHECK(t[1].on_shard([&] { return t.ack_at(lost).error; }) ==
        make_error_code(Errc::not_enough_replicas_after_append));
  REQUIRE(t.reaches_end(1, 7));
  for (const int node : {2, 3}) REQUIRE(t.reaches_end(node, 7));
  CHECK(t.log_of(1) == t.log_of(2));
  CHECK(t.log_of(1) == t.log_of(3));
  CHECK(t[1].on_shard([&] { return t[1].find(t.place)->cuts(); }) == 1);
}

TEST_CASE("replication: the leader asks for an ISR without a follower that is gone, and goes on",
          "[replication]") {
  ReplicationHarness t{3};
  t.decide(1, 0, {1, 2, 3});
  t.show({1, 2, 3});
  REQUIRE(t.is_acked(1, t.produce(1), 1));
  t.kill(3);
  const std::size_t waits = t.produce(1);
  REQUIRE(t.proposes(1, {1, 2}));
  CHECK_FALSE(t[1].on_shard([&] { return t.ack_at(waits).came; }));
  t.decide(1, 0, {1, 2});
  t.show({1, 2});
  REQUIRE(t.is_acked(1, waits));
  // When it is back and has all, the leader wants it in again.
  t.start(3);
  t.show({1, 2, 3});
  REQUIRE(t.reaches_end(3, 2));
  CHECK(t.proposes(1, {1, 2, 3}));
}

TEST_CASE("replication: with too few in sync nothing is appended, and waits end", "[replication]") {
  ReplicationHarness t{3};
  t.decide(1, 0, {1, 2, 3});
  t.show({1, 2, 3});
  REQUIRE(t.is_acked(1, t.produce(1), 1));
  t.kill(2);
  t.kill(3);
  const std::size_t waits = t.produce(1);
  t.decide(1, 0, {1});
  t.show({1});
  t[1].on_shard([&] {
    CHECK(t.ack_at(waits).error == make_error_code(Errc::not_enough_replicas_after_append));
    CHECK(t[1].find(t.place)->may_append(true) == Errc::not_enough_replicas);
    CHECK(t[1].find(t.place)->may_append(false) == Errc::ok);
  });
  CHECK(t[1].bounds(t.place).high_watermark == Offset{1});
}

TEST_CASE("replication: a new leader shows readers nothing before all it has is safe",
          "[replication]") {
  ReplicationHarness t{2, {{"min.insync.replicas", "2"}}};
  t.decide(1, 0, {1, 2});
  t.show({1, 2});
  REQUIRE(t.is_acked(1, t.produce(1, 3), 3));
  t.kill(1);
  t.kill(2);
  t.start(2);
  t.decide(2, 1, {1, 2});
  t.show({2});
  CHECK_FALSE(t[2].on_shard([&] { return t[2].find(t.place)->may_serve_readers(); }));
  t.start(1);
  t.show({1, 2});
  REQUIRE(t[2].reaches([&] { return t[2].find(t.place)->may_serve_readers(); }));
  CHECK(t[2].bounds(t.place).high_watermark == Offset{3});
}

TEST_CASE("replication: a follower that lacks what is deleted begins where the leader does",
          "[replication]") {
  ReplicationHarness t{2, {{"segment.bytes", "1048576"}, {"min.insync.replicas", "1"}}};
  t.decide(1, 0, {1});
  t.show({1, 2});
  REQUIRE(t.is_acked(1, t.produce(1, 3), 3));
  REQUIRE(t.reaches_end(2, 3));
  t.kill(2);
  // It was proposed meanwhile, and is waited for until that is decided.
  t.decide(1, 0, {1});
  t.show({1});
  REQUIRE(t.is_acked(1, t.produce(1, 5, {.value_bytes = 600'000}), 5));
  t[1].on_shard([&] {
    t[1].find(t.place)->delete_records(Offset{6}, [](const Result<Offset>&) {});
    CHECK(t[1].find(t.place)->log().first_batch_offset() > Offset{3});
    t.disks.at(1).checkpoint->put(t.place, t[1].find(t.place)->log().checkpoint());
  });
  REQUIRE(t.disks.at(1).checkpoint->write().has_value());
  t[1].is_checkpointed();
  t.start(2);
  t.show({1, 2});
  REQUIRE(t.reaches_end(2, 8));
  CHECK(t[2].reaches([&] { return t[2].find(t.place)->bounds().log_start_offset == Offset{6}; }));
  CHECK(t.log_of(1) == t.log_of(2));
}

TEST_CASE("replication: a replica that is filled again while it runs counts on its streams",
          "[replication]") {
  ReplicationHarness t{3};
  t.decide(1, 0, {1, 2, 3});
  t.show({1, 2, 3});
  REQUIRE(t.is_acked(1, t.produce(1, 3), 3));
  // Streams come and go; the last of them goes on.
  t[3].on_shard([&] {
    constexpr LinkId kOnlyLink = 1;
    for (int i = 0; i < 4; ++i) {
      t[3].find(t.place)->on_link_down(kOnlyLink);
      t[3].find(t.place)->on_link_up(kOnlyLink);
    }
  });
  REQUIRE(t.is_acked(1, t.produce(1, 3), 3));
  t[3].on_shard([&] { t[3].shard.found_damage(t.place); });
  t.decide(1, 0, {1, 2});
  t.show({1, 2, 3});
  REQUIRE(t.reaches_end(3, 6));
  CHECK(t.log_of(1) == t.log_of(3));
}

TEST_CASE("replication: a damaged replica is put aside and fetched again", "[replication]") {
  ReplicationHarness t{2, {{"min.insync.replicas", "1"}}};
  t.decide(1, 0, {1, 2});
  t.show({1, 2});
  REQUIRE(t.is_acked(1, t.produce(1, 6), 6));
  REQUIRE(t.reaches_end(2, 6));
  BrokerDisk& kept = t.disks.at(2);
  t[2].on_shard([&] { kept.checkpoint->put(t.place, t[2].find(t.place)->log().checkpoint()); });
  REQUIRE(kept.checkpoint->write().has_value());
  t.kill(2);
  {
    const std::string path = "t-0/00000000000000000000.log";
    const auto file = kept.disk.open(path, OpenMode::read_write).value();
    REQUIRE(file->truncate(file->size().value() / 2).has_value());
  }
  t.decide(1, 0, {1});
  const auto is_told = [&] {
    const std::vector<PartitionKey> damaged =
        t[2].on_shard([&] { return t[2].manager.findings().damaged; });
    return damaged == std::vector{t.place};
  };
  t.start(2);
  t.show({1, 2});
  CHECK(is_told());
  REQUIRE(t.reaches_end(2, 6));
  CHECK(t.log_of(1) == t.log_of(2));
  const std::vector<std::string> names = kept.disk.list("").value();
  CHECK(std::ranges::any_of(names, [](const std::string& name) {
    return name.find(".0-damaged-") != std::string::npos;
  }));
  // Another crash does not wash it away, but an ISR that counts it does.
  t.kill(2);
  t.start(2);
  t.show({1, 2});
  CHECK(is_told());
  CHECK(t[2].on_shard([&] { return t[2].find(t.place)->follower()->core().needs_catch_up(); }));
  REQUIRE(t.reaches_end(2, 6));
  t.decide(1, 0, {1, 2});
  t.show({1, 2});
  REQUIRE(t[2].reaches([&] { return !kept.disk.exists("t-0/lacks.records").value(); }));
  CHECK_FALSE(
      t[2].on_shard([&] { return t[2].find(t.place)->follower()->core().needs_catch_up(); }));
}

TEST_CASE("replication: records of a leader that nobody knows of are damage", "[replication]") {
  ReplicationHarness t{2, {{"min.insync.replicas", "1"}}};
  t.decide(1, 0, {1, 2});
  t.show({1, 2});
  REQUIRE(t.is_acked(1, t.produce(1, 3), 3));
  REQUIRE(t.reaches_end(2, 3));
  t.kill(2);
  BrokerDisk& kept = t.disks.at(2);
  {
    const auto file = kept.disk.open("t-0/00000000000000000000.log", OpenMode::read_write).value();
    std::vector<std::byte> bytes(file->size().value());
    REQUIRE(file->read_at(0, bytes).value() == bytes.size());
    const std::size_t last = bytes.size() / 3 * 2;
    REQUIRE(parse_batch(ByteView{bytes}.subspan(last)).value().base_offset == Offset{2});
    constexpr std::size_t kLeaderEpochAt = 12;  // no CRC covers it
    const std::byte turned = bytes[last + kLeaderEpochAt] ^ std::byte{0x40};
    REQUIRE(file->write_at(last + kLeaderEpochAt, ByteView{&turned, 1}).has_value());
    REQUIRE(file->sync().has_value());
  }
  t.decide(1, 1, {1});
  t.start(2);
  t.show({1, 2});
  REQUIRE(t[2].reaches([&] { return t[2].damage_reports == 1; }));
  CHECK(t[2].on_shard([&] { return t[2].find(t.place)->may_append(false); }) ==
        Errc::not_leader_or_follower);
  // The controller answers with a new term.
  t.decide(1, 2, {1});
  t.show({1, 2});
  REQUIRE(t.reaches_end(2, 3));
  CHECK(t.log_of(1) == t.log_of(2));
  const std::vector<std::string> names = kept.disk.list("").value();
  CHECK(std::ranges::any_of(names, [](const std::string& name) {
    return name.find(".0-damaged-") != std::string::npos;
  }));
}

TEST_CASE("replication: segments end where the leader's end", "[replication]") {
  ReplicationHarness t{2, {{"segment.bytes", "1048576"}}};
  t.decide(1, 0, {1, 2});
  t.show({1, 2});
  REQUIRE(t.is_acked(1, t.produce(1, 7, {.value_bytes = 400'000}), 7));
  REQUIRE(t.reaches_end(2, 7));
  CHECK(t[2].on_shard([&] { return t[2].find(t.place)->log().segment_count(); }) == 4);
  CHECK(t.log_of(1) == t.log_of(2));
}

TEST_CASE("replication: a replica that is taken from a broker leaves nothing there",
          "[replication]") {
  ReplicationHarness t{3};
  t.decide(1, 0, {1, 2, 3});
  t.show({1, 2, 3});
  REQUIRE(t.is_acked(1, t.produce(1), 1));
  t.replicas = {BrokerId{1}, BrokerId{2}};
  t.decide(1, 1, {1, 2});
  t.show({1, 2, 3});
  CHECK(t[3].on_shard([&] { return t[3].find(t.place) == nullptr; }));
  CHECK(t[3].reaches([&] { return !t.disks.at(3).disk.exists("t-0").value(); }));
  CHECK(t.is_acked(1, t.produce(1)));
}

TEST_CASE("replication: an image from before this start gives no role", "[replication]") {
  ReplicationHarness t{2};
  t.decide(1, 0, {1, 2});
  const auto before = t.metadata.publish();
  t.kill(1);
  t.start(1);
  REQUIRE(t[1].apply(before));
  CHECK(t[1].on_shard([&] { return t[1].find(t.place)->may_append(false); }) ==
        Errc::not_leader_or_follower);
  t.show({1, 2});
  CHECK(t.is_acked(1, t.produce(1)));
}

}  // namespace
}  // namespace strandline
