// The roles of a partition, with the other side played by the test.
#include "broker/partition/follower_role.h"
#include "broker/partition/leader_role.h"
#include "storage/checkpoint/checkpoint.h"
#include "tests/unit/broker/partition/partition_harness.h"

namespace strandline {
namespace {

constexpr LinkId kLink = 5;

// Notes what is sent, and is the only link there is.
class FakeTransport final : public ReplicaTransport {
 public:
  void on_image(const MetadataImage&) override {}
  void follow(const PartitionKey&, BrokerId leader) override { followed = leader; }
  void leads(const PartitionKey&) override {}
  void unfollow(const PartitionKey&) override { followed = kNoBroker; }
  void send(LinkId link, const PartitionKey&, FollowerMessage message) override {
    REQUIRE(link == kLink);
    to_leader.push_back(std::move(message));
  }
  void send(LinkId link, const PartitionKey&, LeaderMessage message,
            std::optional<MemoryPiece> bytes) override {
    REQUIRE(link == kLink);
    to_follower.push_back(std::move(message));
    if (bytes) pieces.push_back(std::move(*bytes));
  }
  void send(LinkId, const RangeDigest&) override {}
  bool has_room(LinkId, const PartitionKey&) override {
    ++asked_for_room;
    return room;
  }

  template <class Message>
  const Message& last_to_follower() const {
    return std::get<Message>(to_follower.back());
  }

  BrokerId followed = kNoBroker;
  bool room = true;
  int asked_for_room = 0;
  std::vector<FollowerMessage> to_leader;
  std::vector<LeaderMessage> to_follower;
  std::vector<MemoryPiece> pieces;
};

// Replica 1 of two.
PartitionView view_of(int leader, int epoch,
                      std::vector<BrokerId> isr = {BrokerId{1}, BrokerId{2}}) {
  return {.leader = BrokerId{leader},
          .leader_epoch = LeaderEpoch{epoch},
          .replicas = {BrokerId{1}, BrokerId{2}},
          .isr = {.partition_epoch = PartitionEpoch{epoch}, .members = std::move(isr)},
          .incarnation = Incarnation{1}};
}

class RoleHarness : public PartitionHarness {
 public:
  explicit RoleHarness(SimDisk& given, HarnessOptions options = {})
      : PartitionHarness(given, {}, PartitionView{}, std::move(options)) {
    on_shard([this] { shard.set_replicas(&transport); });
  }
  ~RoleHarness() {
    on_shard([this] { partition->drop_role(); });
  }

  void view(const PartitionView& view) {
    on_shard([&] { partition->set_view(view); });
  }
  // As the leader says it, with the bytes of one batch a claim.
  void leader_says(const LeaderMessage& message, ByteView bytes = {}) {
    on_shard([&] { partition->on_leader_message(kLink, message, bytes); });
  }
  StreamName stream(int epoch, int number) const {
    return {.leader_epoch = LeaderEpoch{epoch},
            .replica = BrokerId{1},
            .incarnation = Incarnation{1},
            .stream = StreamId{number}};
  }
  // Follows broker 2, which agrees with all there is below `end`.
  void follow(int epoch, int number, Offset end) {
    view(view_of(2, epoch));
    on_shard([this] { partition->on_link_up(kLink); });
    leader_says(StreamOpened{.name = stream(epoch, number), .offset = end});
  }
  std::optional<StreamAck> last_ack() {
    if (transport.to_leader.empty()) return std::nullopt;
    const auto* ack = std::get_if<StreamAck>(&transport.to_leader.back());
    return ack == nullptr ? std::nullopt : std::optional{*ack};
  }

  FakeTransport transport;
};

std::vector<std::byte> batch_at(std::int64_t base, int epoch) {
  std::vector<std::byte> bytes = make_batch({.value_bytes = 50});
  assign_batch_offset(bytes, Offset{base}, LeaderEpoch{epoch});
  return bytes;
}

StreamBatches claims(const StreamName& name, std::int64_t base, int epoch, std::uint64_t bytes) {
  return {.name = name,
          .batches = {{.base_offset = Offset{base},
                       .leader_epoch = LeaderEpoch{epoch},
                       .record_count = 1,
                       .append_time = Timestamp{1000}}},
          .bytes = bytes,
          .high_watermark = Offset{0},
          .log_start_offset = Offset{0}};
}

TEST_CASE("FollowerRole: it appends what the leader sends and says when it is on the disk",
          "[replica]") {
  SimDisk disk{1};
  RoleHarness t{disk};
  t.follow(3, 1, Offset{0});
  CHECK(t.transport.followed == BrokerId{2});
  const auto batch = batch_at(0, 3);
  t.leader_says(claims(t.stream(3, 1), 0, 3, batch.size()), batch);
  REQUIRE(t.reaches([&] { return t.last_ack() && t.last_ack()->flushed == Offset{1}; }));
  t.leader_says(StreamPosition{.name = t.stream(3, 1),
                               .sent_end = Offset{1},
                               .high_watermark = Offset{1},
                               .log_start_offset = Offset{0}});
  const PartitionBounds bounds = t.on_shard([&] { return t.partition->bounds(); });
  CHECK(bounds.log_end_offset == Offset{1});
  CHECK(bounds.high_watermark == Offset{1});
  CHECK_FALSE(t.on_shard([&] { return t.partition->leads(); }));
}

TEST_CASE("FollowerRole: bytes that are not what was claimed are not appended", "[replica]") {
  SimDisk disk{1};
  RoleHarness t{disk};
  t.follow(3, 1, Offset{0});
  auto batch = batch_at(0, 3);
  batch.back() ^= std::byte{1};
  t.leader_says(claims(t.stream(3, 1), 0, 3, batch.size()), batch);
  CHECK(t.on_shard([&] { return t.partition->bounds().log_end_offset; }) == Offset{0});
  // Another stream is opened.
  REQUIRE(t.reaches([&] {
    const auto* open = std::get_if<OpenStream>(&t.transport.to_leader.back());
    return open != nullptr && open->name.stream == StreamId{2};
  }));
  const auto other = batch_at(0, 2);
  t.leader_says(StreamOpened{.name = t.stream(3, 2), .offset = Offset{0}});
  t.leader_says(claims(t.stream(3, 2), 0, 3, other.size()), other);
  CHECK(t.on_shard([&] { return t.partition->bounds().log_end_offset; }) == Offset{0});
}

TEST_CASE("FollowerRole: a view that comes during a cut waits for its end", "[replica]") {
  SimDisk disk{1};
  RoleHarness t{disk};
  t.view(view_of(1, 1));
  t.on_shard([&] {
    for (int i = 0; i < 3; ++i) REQUIRE(append_to(*t.partition, {}).has_value());
  });
  REQUIRE(t.reaches([&] { return t.partition->log().flushed_end() == Offset{3}; }));
  DiskGate truncates{disk, DiskCall::truncate};
  t.follow(2, 1, Offset{1});
  truncates.wait_for_first();
  t.view(view_of(1, 3));
  t.on_shard([&] {
    CHECK(t.partition->is_cutting());
    CHECK_FALSE(t.partition->leads());
    CHECK(t.partition->bounds().log_end_offset == Offset{3});
    PartitionRead got;
    t.partition->read(Offset{0}, {.bytes_max = 1000},
                      [&](PartitionRead read) { got = std::move(read); });
    CHECK(got.error == make_error_code(Errc::not_leader_or_follower));
  });
  truncates.open();
  REQUIRE(t.reaches([&] { return t.partition->leads(); }));
  t.on_shard([&] {
    CHECK(t.partition->bounds().log_end_offset == Offset{1});
    CHECK(t.partition->leader_epoch() == LeaderEpoch{3});
    CHECK(t.partition->log().epochs().latest() == LeaderEpoch{3});
    CHECK(t.transport.followed == kNoBroker);
  });
}

TEST_CASE("FollowerRole: a disk that refuses a cut ends the broker, one that is full does not",
          "[replica]") {
  for (const int error : {EIO, ENOSPC}) {
    SimDisk disk{1};
    RoleHarness t{disk};
    t.view(view_of(1, 1));
    t.on_shard([&] {
      for (int i = 0; i < 3; ++i) REQUIRE(append_to(*t.partition, {}).has_value());
    });
    REQUIRE(t.reaches([&] { return t.partition->log().flushed_end() == Offset{3}; }));
    disk.plan({.call = DiskCall::truncate, .nth = 1, .error = error});
    t.follow(2, 1, Offset{1});
    REQUIRE(t.reaches([&] { return t.partition->follower() == nullptr; }));
    CHECK(t.disk_failures == (error == EIO ? 1 : 0));
  }
}

TEST_CASE("FollowerRole: a cut whose checkpoint has no room is made when there is room",
          "[replica]") {
  SimDisk disk{1};
  CheckpointReport report;
  const auto checkpoint = Checkpoint::open(disk, report).value();
  RoleHarness t{disk, {.checkpoint = checkpoint.get()}};
  t.view(view_of(1, 1));
  t.on_shard([&] {
    for (int i = 0; i < 3; ++i) REQUIRE(append_to(*t.partition, {}).has_value());
  });
  REQUIRE(t.reaches([&] { return t.partition->log().flushed_end() == Offset{3}; }));
  disk.plan({.call = DiskCall::write, .nth = 1, .error = ENOSPC, .path_part = "checkpoint"});
  t.follow(2, 1, Offset{1});
  CHECK(t.on_shard([&] { return t.partition->is_cutting(); }));
  REQUIRE(t.reaches([&] { return !t.partition->is_cutting(); }));
  t.on_shard([&] {
    CHECK(t.partition->bounds().log_end_offset == Offset{1});
    CHECK(t.partition->follower() != nullptr);
  });
  CHECK(t.disk_failures == 0);
}

TEST_CASE("FollowerRole: a partition may go away while its log is cut", "[replica]") {
  SimDisk disk{1};
  RoleHarness t{disk};
  t.view(view_of(1, 1));
  t.on_shard([&] {
    for (int i = 0; i < 3; ++i) REQUIRE(append_to(*t.partition, {}).has_value());
  });
  REQUIRE(t.reaches([&] { return t.partition->log().flushed_end() == Offset{3}; }));
  bool quiet = false;
  {
    DiskGate truncates{disk, DiskCall::truncate};
    t.follow(2, 1, Offset{1});
    truncates.wait_for_first();
    t.on_shard([&] {
      t.partition->abandon(make_error_code(Errc::unknown_topic_or_partition));
      t.partition->after_cut([&] { quiet = true; });
      CHECK_FALSE(quiet);
    });
  }
  REQUIRE(t.reaches([&] { return quiet; }));
  CHECK(t.metrics.unsynced_bytes.value() == 0);
}

TEST_CASE("LeaderRole: a follower gets the bytes of the log, with what is to be known of them",
          "[replica]") {
  SimDisk disk{1};
  RoleHarness t{disk};
  t.view(view_of(1, 1));
  t.on_shard([&] { REQUIRE(append_to(*t.partition, {.records = 3}).has_value()); });
  const StreamName name{.leader_epoch = LeaderEpoch{1},
                        .replica = BrokerId{2},
                        .incarnation = Incarnation{9},
                        .stream = StreamId{1}};
  t.on_shard([&] {
    t.partition->on_follower_message(
        kLink, OpenStream{.name = name, .history = {.end = Offset{0}}, .credit_limit = 1 << 20});
    REQUIRE(t.transport.last_to_follower<StreamOpened>().offset == Offset{0});
    t.transport.room = false;
    t.partition->on_follower_message(kLink, StreamAck{.name = name, .credit_limit = 1 << 20});
    CHECK(t.transport.pieces.empty());
    CHECK(t.transport.asked_for_room == 1);
    t.transport.room = true;
    t.partition->on_link_room(kLink);
    const auto& sent = t.transport.last_to_follower<StreamBatches>();
    REQUIRE(sent.batches.size() == 1);
    CHECK(sent.batches[0].base_offset == Offset{0});
    CHECK(sent.batches[0].record_count == 3);
    CHECK(sent.batches[0].leader_epoch == LeaderEpoch{1});
    CHECK(sent.batches[0].begins_segment);
    CHECK(sent.batches[0].append_time > Timestamp{0});
    REQUIRE(t.transport.pieces.size() == 1);
    CHECK(parse_batch(t.transport.pieces[0].bytes).value().last_offset() == Offset{2});
    CHECK(t.partition->bounds().high_watermark == Offset{0});
  });
  REQUIRE(t.reaches([&] { return t.partition->log().flushed_end() == Offset{3}; }));
  t.on_shard([&] {
    t.partition->on_follower_message(
        kLink,
        StreamAck{
            .name = name, .appended = Offset{3}, .flushed = Offset{3}, .credit_limit = 1 << 20});
    CHECK(t.partition->bounds().high_watermark == Offset{3});
    // With the link its stream is gone.
    t.partition->on_link_down(kLink);
    const std::size_t before = t.transport.to_follower.size();
    REQUIRE(append_to(*t.partition, {}).has_value());
    CHECK(t.transport.to_follower.size() == before);
  });
}

TEST_CASE("LeaderRole: who waits for a leader that leads on goes on to wait", "[replica]") {
  SimDisk disk{1};
  RoleHarness t{disk};
  t.view(view_of(1, 1));
  t.on_shard([&] { REQUIRE(t.produce().has_value()); });
  REQUIRE(t.reaches([&] { return t.partition->log().flushed_end() == Offset{1}; }));
  t.view(view_of(1, 2));
  CHECK(t.on_shard([&] { return t.acks_come(); }) == 0);
  t.view(view_of(1, 3, {BrokerId{1}}));
  CHECK(t.on_shard([&] { return t.acks_come(); }) == 1);
  CHECK_FALSE(t.acks.at(0).error);
}

TEST_CASE("LeaderRole: who waits for a leader that is deposed hears of it", "[replica]") {
  SimDisk disk{1};
  RoleHarness t{disk};
  t.view(view_of(1, 1));
  t.on_shard([&] { REQUIRE(t.produce().has_value()); });
  t.view(view_of(2, 2));
  CHECK(t.acks.at(0).error == make_error_code(Errc::not_enough_replicas_after_append));
  t.on_shard([&] {
    CHECK(t.partition->may_append(false) == Errc::not_leader_or_follower);
    CHECK(append_to(*t.partition, {}).error() == make_error_code(Errc::not_leader_or_follower));
  });
  // Older images change nothing.
  t.view(view_of(1, 1));
  CHECK_FALSE(t.on_shard([&] { return t.partition->leads(); }));
}

TEST_CASE("LeaderRole: a sync that does not come back is told of until it does", "[replica]") {
  SimDisk disk{1};
  std::atomic<int> told{0};
  RoleHarness t{disk, {.report_stall = [&](Shard&, const PartitionKey&) { ++told; }}};
  t.settings.disk_stall_ms = 5;
  t.view(view_of(1, 1));
  DiskGate syncs{disk, DiskCall::sync};
  t.on_shard([&] {
    REQUIRE(append_to(*t.partition, {}).has_value());
    t.partition->start_sync();
  });
  REQUIRE(t.reaches([&] { return told >= 2; }));
  syncs.open();
  REQUIRE(t.reaches([&] { return t.partition->log().flushed_end() == Offset{1}; }));
  const int before = told;
  std::this_thread::sleep_for(std::chrono::milliseconds{30});
  CHECK(told == before);
}

TEST_CASE("FollowerRole: a sync that does not come back is said in each acknowledgement",
          "[replica]") {
  SimDisk disk{1};
  RoleHarness t{disk};
  t.settings.disk_stall_ms = 5;
  t.follow(3, 1, Offset{0});
  DiskGate syncs{disk, DiskCall::sync};
  const auto batch = batch_at(0, 3);
  t.leader_says(claims(t.stream(3, 1), 0, 3, batch.size()), batch);
  REQUIRE(t.reaches([&] { return t.last_ack() && t.last_ack()->stalled; }));
  CHECK(t.last_ack()->flushed == Offset{0});
  syncs.open();
  REQUIRE(t.reaches([&] { return !t.last_ack()->stalled && t.last_ack()->flushed == Offset{1}; }));
}

TEST_CASE("LeaderRole: it vouches for the time when all is read and nothing is under way",
          "[replica]") {
  SimDisk disk{1};
  RoleHarness t{disk};
  t.view(view_of(1, 1, {BrokerId{1}}));
  const auto statement = [&](std::int64_t position) {
    return t.on_shard([&] { return t.partition->leader()->time_statement(Offset{position}); });
  };
  CHECK_FALSE(statement(0));  // nobody vouches for the broker
  t.on_shard([&] { t.shard.set_nobody_else_led_until({Timestamp{777}, steady_now()}); });
  REQUIRE(statement(0));
  CHECK(statement(0)->highest_event_time == kNoTimestamp);
  DiskGate syncs{disk, DiskCall::sync};
  t.on_shard([&] {
    REQUIRE(append_to(*t.partition, {.records = 3}).has_value());
    t.partition->start_sync();
  });
  CHECK_FALSE(statement(0));
  CHECK_FALSE(statement(3));  // it is not committed
  syncs.open();
  REQUIRE(t.reaches([&] { return t.partition->bounds().high_watermark == Offset{3}; }));
  CHECK_FALSE(statement(0));
  CHECK_FALSE(statement(2));
  const auto told = statement(3);
  REQUIRE(told);
  CHECK(told->log_end_offset == Offset{3});
  CHECK(told->broker_time == Timestamp{777});
  CHECK(told->highest_event_time == Timestamp{1002});
  CHECK(told->idle >= Duration{0});
  std::vector<std::byte> bytes = make_batch({});
  t.on_shard([&] {
    t.partition->append(bytes, parse_batch(bytes).value(), [](const Result<PartitionAppend>&) {});
    CHECK_FALSE(t.partition->leader()->time_statement(Offset{3}));  // staged
    (void)t.partition->write_staged();
  });
}

TEST_CASE(
    "LeaderRole: whether a client is lost or ahead is known once somebody vouches for the "
    "leader as it was then",
    "[replica]") {
  SimDisk disk{1};
  RoleHarness t{disk};
  const auto is_sure = [&](std::int64_t place = 7) {
    return t.on_shard([&] { return t.partition->leader()->knows_that_it_leads({.place = place}); });
  };
  // The time of day is of no weight: it may have been set back since.
  const auto vouch = [&](Duration from_now) {
    const BrokerMoment until{wall_now() + 3'600'000, steady_now() + from_now};
    t.on_shard([&] { t.shard.set_nobody_else_led_until(until); });
  };
  t.view(view_of(1, 1, {BrokerId{1}, BrokerId{2}}));
  vouch(-std::chrono::milliseconds{400});  // before the reader came
  CHECK_FALSE(is_sure());
  CHECK_FALSE(is_sure());
  vouch(std::chrono::milliseconds{1});
  CHECK(is_sure());
  CHECK(is_sure());
  // What another has been told since is not known.
  CHECK_FALSE(is_sure(8));
  CHECK_FALSE(t.on_shard([&] {
    return t.partition->leader()->knows_that_it_leads({.producer = ProducerId{3}, .place = 7});
  }));
  vouch(std::chrono::seconds{1});
  CHECK(is_sure(8));
}

TEST_CASE("LeaderRole: it vouches for no time before all in sync have agreed with it",
          "[replica]") {
  SimDisk disk{1};
  RoleHarness t{disk};
  t.view(view_of(1, 1));
  t.on_shard([&] { t.shard.set_nobody_else_led_until({Timestamp{777}, steady_now()}); });
  const auto vouches = [&] {
    return t.on_shard([&] { return t.partition->leader()->time_statement(Offset{0}).has_value(); });
  };
  CHECK_FALSE(vouches());  // replica 2 may hold older records that nobody has committed yet
  const StreamName name{.leader_epoch = LeaderEpoch{1},
                        .replica = BrokerId{2},
                        .incarnation = Incarnation{1},
                        .stream = StreamId{1}};
  t.on_shard([&] {
    t.partition->on_follower_message(kLink, OpenStream{.name = name, .credit_limit = 1 << 20});
  });
  CHECK_FALSE(vouches());
  t.on_shard([&] {
    t.partition->on_follower_message(kLink, StreamAck{.name = name, .credit_limit = 1 << 20});
  });
  CHECK(vouches());
}

}  // namespace
}  // namespace strandline
