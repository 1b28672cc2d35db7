#include "storage/producer/producer_state.h"

#include <catch2/catch.hpp>
#include <map>
#include <utility>
#include <vector>

#include "protocol/base/errc.h"
#include "protocol/base/prng.h"

namespace strandline {
namespace {

constexpr std::uint16_t kTransactional = 0x10;
constexpr std::uint16_t kControl = 0x20;

struct Batch {
  std::int64_t producer = 7;
  std::int16_t epoch = 0;
  std::int32_t sequence = 0;
  std::int32_t records = 1;
  std::int64_t offset = 0;
  std::uint16_t attributes = 0;
};

BatchHeader header_of(const Batch& batch) {
  BatchHeader header;
  header.base_offset = Offset{batch.offset};
  header.last_offset_delta = batch.records - 1;
  header.record_count = batch.records;
  header.producer_id = ProducerId{batch.producer};
  header.producer_epoch = ProducerEpoch{batch.epoch};
  header.base_sequence = Sequence{batch.sequence};
  header.attributes = batch.attributes;
  return header;
}

// Appends as a partition does: checks, and updates when the batch is new.
class StateHarness {
 public:
  explicit StateHarness(std::size_t producers_max = 1000)
      : state({.producers_max = producers_max}) {}

  // The error code; `duplicate` batches count as ok.
  Errc append(Batch batch) {
    batch.offset = next_offset;
    const auto checked = state.check(header_of(batch));
    if (checked.has_error()) return errc_of(checked.error());
    last = checked.value();
    if (last.duplicate) return Errc::ok;
    state.update(header_of(batch), now);
    next_offset += batch.records;
    state.assert_invariants();
    return Errc::ok;
  }
  void marker(std::int64_t producer, std::int16_t epoch, std::int32_t coordinator_epoch = 3) {
    state.update(header_of({.producer = producer,
                            .epoch = epoch,
                            .sequence = -1,
                            .offset = next_offset,
                            .attributes = kTransactional | kControl}),
                 now, coordinator_epoch);
    ++next_offset;
    state.assert_invariants();
  }

  ProducerState state;
  ProducerCheck last;
  std::int64_t next_offset = 100;
  Timestamp now{1000};
};

TEST_CASE("ProducerState: sequences go on without gaps", "[producer]") {
  StateHarness t;
  CHECK(t.append({.sequence = 0, .records = 3}) == Errc::ok);
  CHECK(t.append({.sequence = 3, .records = 2}) == Errc::ok);
  CHECK(t.append({.sequence = 6}) == Errc::out_of_order_sequence_number);
  CHECK(t.append({.sequence = 4}) == Errc::out_of_order_sequence_number);
  CHECK(t.append({.sequence = 5}) == Errc::ok);
  CHECK_FALSE(t.last.duplicate);
}

TEST_CASE(
    "ProducerState: one of the last five batches sent again is answered with its first offset",
    "[producer]") {
  StateHarness t;
  for (std::int32_t i = 0; i < 6; ++i) {
    t.now = Timestamp{1000 + i};
    REQUIRE(t.append({.sequence = i * 2, .records = 2}) == Errc::ok);
  }
  REQUIRE(t.append({.sequence = 2, .records = 2}) == Errc::ok);
  CHECK(t.last.duplicate);
  CHECK(t.last.base_offset == Offset{102});
  CHECK(t.last.last_offset == Offset{103});
  CHECK(t.last.append_time == Timestamp{1001});
  CHECK(t.append({.sequence = 10, .records = 2}) == Errc::ok);
  CHECK(t.last.duplicate);
  CHECK(t.next_offset == 112);
  // The sixth-newest is forgotten, and a batch of another size is no duplicate.
  CHECK(t.append({.sequence = 0, .records = 2}) == Errc::out_of_order_sequence_number);
  CHECK(t.append({.sequence = 10, .records = 1}) == Errc::out_of_order_sequence_number);
}

TEST_CASE("ProducerState: batches that are taken back leave everything as it was", "[producer]") {
  Prng prng{5};
  for (int round = 0; round < 200; ++round) {
    StateHarness t;
    std::map<std::int64_t, std::int32_t> next;
    const auto append = [&] {
      const auto producer = static_cast<std::int64_t>(1 + prng.below(4));
      return Batch{.producer = producer, .sequence = next[producer]++};
    };
    for (int i = 0; i < 20; ++i) REQUIRE(t.append(append()) == Errc::ok);
    const ProducerSnapshot was = t.state.snapshot(Offset{1});
    std::vector<ProducerState::Before> befores;
    for (int i = 0; i < 9; ++i) {
      const Batch batch = append();
      befores.push_back(t.state.before(ProducerId{batch.producer}));
      REQUIRE(t.append(batch) == Errc::ok);
    }
    while (!befores.empty()) {
      t.state.take_back(std::move(befores.back()));
      befores.pop_back();
      t.state.assert_invariants();
    }
    CHECK(t.state.snapshot(Offset{1}) == was);
  }
}

TEST_CASE("ProducerState: an older epoch is fenced, a newer one begins at sequence 0",
          "[producer]") {
  StateHarness t;
  REQUIRE(t.append({.epoch = 1, .sequence = 0}) == Errc::ok);
  CHECK(t.append({.epoch = 0, .sequence = 1}) == Errc::invalid_producer_epoch);
  CHECK(t.append({.epoch = 2, .sequence = 1}) == Errc::out_of_order_sequence_number);
  CHECK(t.append({.epoch = 2, .sequence = 0}) == Errc::ok);
  CHECK_FALSE(t.last.duplicate);  // the same sequence, but of another epoch
  CHECK(t.append({.epoch = 1, .sequence = 1}) == Errc::invalid_producer_epoch);
}

TEST_CASE("ProducerState: sequences wrap from 2^31-1 to 0, also inside a batch", "[producer]") {
  StateHarness t;
  REQUIRE(t.append({.sequence = 2147483646, .records = 1}) == Errc::ok);
  REQUIRE(t.append({.sequence = 2147483647, .records = 3}) == Errc::ok);
  CHECK(t.append({.sequence = 2, .records = 1}) == Errc::ok);
  CHECK(t.append({.sequence = 2147483647, .records = 3}) == Errc::ok);
  CHECK(t.last.duplicate);
  CHECK(t.append({.sequence = 4}) == Errc::out_of_order_sequence_number);
  StateHarness exact;
  REQUIRE(exact.append({.sequence = 2147483647}) == Errc::ok);
  CHECK(exact.append({.sequence = 0}) == Errc::ok);
}

TEST_CASE("ProducerState: an unknown producer may begin at any sequence and epoch", "[producer]") {
  StateHarness t;
  CHECK(t.append({.producer = 1, .epoch = 5, .sequence = 77}) == Errc::ok);
  CHECK(t.append({.producer = 1, .epoch = 5, .sequence = 78}) == Errc::ok);
}

TEST_CASE("ProducerState: batches without a producer id pass and leave no trace", "[producer]") {
  StateHarness t;
  CHECK(t.append({.producer = -1, .epoch = 0, .sequence = 0}) == Errc::ok);
  CHECK(t.append({.producer = -1, .epoch = 0, .sequence = 0}) == Errc::ok);
  CHECK(t.state.empty());
}

TEST_CASE("ProducerState: a producer id with a negative epoch or sequence is no valid record",
          "[producer]") {
  StateHarness t;
  CHECK(t.append({.epoch = -1}) == Errc::invalid_record);
  CHECK(t.append({.sequence = -1}) == Errc::invalid_record);
}

TEST_CASE("ProducerState: a marker ends the transaction and keeps the sequence", "[producer]") {
  StateHarness t;
  REQUIRE(t.append({.sequence = 0, .attributes = kTransactional}) == Errc::ok);
  CHECK(t.state.first_open_transaction() == Offset{100});
  CHECK(t.append({.sequence = 1}) == Errc::invalid_txn_state);
  t.marker(7, 0);
  CHECK(t.state.first_open_transaction() == std::nullopt);
  CHECK(t.append({.sequence = 2}) == Errc::out_of_order_sequence_number);
  CHECK(t.append({.sequence = 1, .attributes = kTransactional}) == Errc::ok);
  CHECK(t.state.describe()[0].coordinator_epoch == 3);
}

TEST_CASE("ProducerState: after a marker that raised the epoch, sequence 0 is next", "[producer]") {
  StateHarness t;
  REQUIRE(t.append({.sequence = 0, .attributes = kTransactional}) == Errc::ok);
  t.marker(7, 1);
  CHECK(t.append({.epoch = 0, .sequence = 1}) == Errc::invalid_producer_epoch);
  CHECK(t.append({.epoch = 1, .sequence = 1}) == Errc::out_of_order_sequence_number);
  CHECK(t.append({.epoch = 1, .sequence = 0}) == Errc::ok);
}

TEST_CASE("ProducerState: when only a marker is left, any sequence of its epoch goes on",
          "[producer]") {
  StateHarness t;
  t.marker(7, 4);
  CHECK(t.append({.epoch = 4, .sequence = 33}) == Errc::ok);
}

TEST_CASE("ProducerState: the oldest open transaction of all producers is told", "[producer]") {
  StateHarness t;
  REQUIRE(t.append({.producer = 1, .attributes = kTransactional}) == Errc::ok);
  REQUIRE(t.append({.producer = 2, .attributes = kTransactional}) == Errc::ok);
  CHECK(t.state.first_open_transaction() == Offset{100});
  t.marker(1, 0);
  CHECK(t.state.first_open_transaction() == Offset{101});
}

TEST_CASE("ProducerState: idle producers expire by append time, those in a transaction stay",
          "[producer]") {
  StateHarness t;
  REQUIRE(t.append({.producer = 1}) == Errc::ok);
  REQUIRE(t.append({.producer = 2, .attributes = kTransactional}) == Errc::ok);
  t.now = Timestamp{2000};
  REQUIRE(t.append({.producer = 3}) == Errc::ok);
  CHECK(t.state.expire(Timestamp{2000}, 1000) == 0);
  CHECK(t.state.expire(Timestamp{2001}, 1000) == 1);
  CHECK(t.state.size() == 2);
  CHECK(t.append({.producer = 1, .sequence = 9}) == Errc::ok);  // unknown again
}

TEST_CASE("ProducerState: at the limit the longest idle producer is dropped and counted",
          "[producer]") {
  StateHarness t{3};
  for (std::int64_t id : {1, 2, 3}) REQUIRE(t.append({.producer = id}) == Errc::ok);
  REQUIRE(t.append({.producer = 1, .sequence = 1}) == Errc::ok);  // 2 is now the longest idle
  REQUIRE(t.append({.producer = 4}) == Errc::ok);
  CHECK(t.state.size() == 3);
  CHECK(t.state.dropped() == 1);
  CHECK(t.append({.producer = 1, .sequence = 5}) == Errc::out_of_order_sequence_number);
  CHECK(t.append({.producer = 2, .sequence = 5}) == Errc::ok);
}

TEST_CASE("ProducerState: a snapshot restores the same state", "[producer]") {
  StateHarness t;
  Prng prng{3};
  for (int i = 0; i < 500; ++i) {
    const auto id = static_cast<std::int64_t>(prng.below(20));
    const auto all = t.state.describe();
    std::int32_t next = 0;
    for (const auto& entry : all) {
      if (entry.producer_id == ProducerId{id} && !entry.batches.empty()) {
        next = sequence_after(entry.batches.back().last_sequence, 1).value();
      }
    }
    t.now = t.now + static_cast<std::int64_t>(prng.below(5));
    REQUIRE(t.append({.producer = id,
                      .sequence = next,
                      .records = static_cast<std::int32_t>(1 + prng.below(9))}) == Errc::ok);
  }
  const ProducerSnapshot saved = t.state.snapshot(Offset{t.next_offset});
  const std::string bytes = encode_producer_snapshot(saved);
  const ProducerSnapshot read = decode_producer_snapshot(as_bytes(bytes)).value();
  CHECK(read == saved);
  ProducerState restored;
  restored.restore(read);
  restored.assert_invariants();
  CHECK(restored.describe() == t.state.describe());
  CHECK(restored.snapshot(Offset{t.next_offset}) == saved);
}

TEST_CASE("ProducerState: a partition without producers costs next to nothing", "[producer]") {
  CHECK(sizeof(ProducerState) <= 160);
}

}  // namespace
}  // namespace strandline
