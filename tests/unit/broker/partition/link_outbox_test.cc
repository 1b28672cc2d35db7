#include "broker/partition/link_outbox.h"

#include <catch2/catch.hpp>
#include <memory>

namespace strandline {
namespace {

PartitionKey place_of(int index) { return {Uuid{}, PartitionIndex{index}}; }

StreamName name_of_stream(int number) {
  return {.leader_epoch = LeaderEpoch{1},
          .replica = BrokerId{2},
          .incarnation = Incarnation{1},
          .stream = StreamId{number}};
}

StreamAck ack(int stream, std::int64_t appended) {
  return {.name = name_of_stream(stream), .appended = Offset{appended}};
}

StreamPosition position(std::int64_t sent_end, bool confirm = false) {
  return {.name = name_of_stream(1), .sent_end = Offset{sent_end}, .confirm = confirm};
}

StreamBatches batches() {
  return {
      .name = name_of_stream(1),
      .batches = {{.base_offset = Offset{0}, .leader_epoch = LeaderEpoch{1}, .record_count = 1}}};
}

MemoryPiece piece(std::size_t bytes) {
  auto owner = std::make_shared<wire::ByteBuffer>();
  owner->extend(bytes);
  const ByteView view = owner->view();
  return {std::move(owner), view};
}

std::vector<Placed<FollowerMessage>> follower_entries(LinkOutbox& outbox) {
  return decode_follower_entries(as_bytes(outbox.take_frame().message)).value();
}

TEST_CASE("LinkOutbox: of the acknowledgements of a stream the newest is sent", "[replica]") {
  LinkOutbox outbox;
  outbox.push(place_of(1), ack(1, 10));
  outbox.push(place_of(2), ack(1, 5));
  outbox.push(place_of(1), ack(1, 20));
  outbox.push(place_of(1), ack(2, 20));
  CHECK(outbox.is_of_followers());
  const auto entries = follower_entries(outbox);
  REQUIRE(entries.size() == 3);
  CHECK(entries[0].place == place_of(2));
  CHECK(entries[1].message == FollowerMessage{ack(1, 20)});
  CHECK(entries[2].message == FollowerMessage{ack(2, 20)});
  CHECK(outbox.empty());
}

TEST_CASE("LinkOutbox: what was sent is not taken back by what comes later", "[replica]") {
  LinkOutbox outbox;
  outbox.push(place_of(1), ack(1, 10));
  CHECK(follower_entries(outbox).size() == 1);
  outbox.push(place_of(1), ack(1, 20));
  CHECK(follower_entries(outbox).size() == 1);
}

TEST_CASE("LinkOutbox: a position stays behind the batches it tells of, and asks what was asked",
          "[replica]") {
  LinkOutbox outbox;
  outbox.push(place_of(1), position(0, true), std::nullopt);
  outbox.push(place_of(1), batches(), piece(100));
  outbox.push(place_of(1), position(1), std::nullopt);
  CHECK_FALSE(outbox.is_of_followers());
  CHECK(outbox.bytes() == 100);
  const RpcPayload frame = outbox.take_frame();
  CHECK(frame.attachments.size() == 1);
  CHECK(outbox.bytes() == 0);
  const auto entries = decode_leader_entries(as_bytes(frame.message)).value();
  REQUIRE(entries.size() == 2);
  CHECK(std::holds_alternative<StreamBatches>(entries[0].message));
  CHECK(entries[1].message == LeaderMessage{position(1, true)});
}

TEST_CASE("LinkOutbox: frames are bounded, and one entry always fits", "[replica]") {
  LinkOutbox outbox;
  for (int i = 0; i < 3; ++i) outbox.push(place_of(i), batches(), piece(3 << 20));
  outbox.push(place_of(3), batches(), piece(20 << 20));
  for (int i = 0; i < 4; ++i) CHECK(outbox.take_frame().attachments.size() == 1);
  CHECK(outbox.empty());
  for (int i = 0; i < 300; ++i) outbox.push(place_of(i), batches(), piece(1));
  CHECK(outbox.take_frame().attachments.size() == 256);
  CHECK(outbox.take_frame().attachments.size() == 44);
}

}  // namespace
}  // namespace strandline
