// What a broker served, cut into batches and judged.
#include "client/core/fetched_batches.h"

#include <catch2/catch.hpp>

#include "tests/unit/client/core/fetch_harness.h"

namespace strandline::client {
namespace {

FetchPosition at(std::int64_t offset, std::int32_t epoch = -1) {
  return {Offset{offset}, LeaderEpoch{epoch}};
}

TEST_CASE("cut_batches: whole batches come out in order, and the place behind the last",
          "[fetch][batches]") {
  const Bytes served = joined({batch_of(10, 3, {"a", "b"}), batch_of(12, 4, {"c"})});
  const auto cut = cut_batches(at(10, 3), served);
  CHECK(cut.batches.size() == 2);
  CHECK(cut.bytes == served.size());
  CHECK(cut.next == at(13, 4));
  CHECK(cut.damage == Errc::ok);
}

TEST_CASE("cut_batches: nothing served is nothing read, and no damage", "[fetch][batches]") {
  const auto cut = cut_batches(at(10, 3), {});
  CHECK(cut.batches.empty());
  CHECK(cut.next == at(10, 3));
  CHECK(cut.damage == Errc::ok);
}

TEST_CASE("cut_batches: a batch around the place is taken whole", "[fetch][batches]") {
  const Bytes served = batch_of(8, 3, {"a", "b", "c", "d"});
  const auto cut = cut_batches(at(10, 3), served);
  CHECK(cut.batches.size() == 1);
  CHECK(cut.next == at(12, 3));
}

TEST_CASE("cut_batches: batches before the place are left out", "[fetch][batches]") {
  const Bytes served = joined({batch_of(8, 3, {"a"}), batch_of(10, 3, {"b"})});
  const auto cut = cut_batches(at(10, 3), served);
  CHECK(cut.batches.size() == 1);
  CHECK(cut.next == at(11, 3));
}

TEST_CASE("cut_batches: only batches before the place are no answer", "[fetch][batches]") {
  const auto cut = cut_batches(at(10, 3), batch_of(8, 3, {"a"}));
  CHECK(cut.batches.empty());
  CHECK(cut.damage == Errc::corrupt_batch);
}

TEST_CASE("cut_batches: a compacted log may have gaps", "[fetch][batches]") {
  const Bytes served = joined({batch_of(12, 3, {"a"}), batch_of(40, 3, {"b"})});
  const auto cut = cut_batches(at(10, 3), served);
  CHECK(cut.batches.size() == 2);
  CHECK(cut.next == at(41, 3));
}

TEST_CASE("cut_batches: a batch that is cut off at the end is left for the next fetch",
          "[fetch][batches]") {
  const Bytes first = batch_of(10, 3, {"a"});
  const Bytes second = batch_of(11, 3, {"b"});
  for (std::size_t kept = 1; kept < second.size(); ++kept) {
    Bytes served = joined({first, second});
    served.resize(first.size() + kept);
    const auto cut = cut_batches(at(10, 3), served);
    CHECK(cut.damage == Errc::ok);
    CHECK(cut.next == at(11, 3));
  }
}

TEST_CASE("cut_batches: less than one batch would never become more", "[fetch][batches]") {
  Bytes served = batch_of(10, 3, {"a"});
  served.pop_back();
  CHECK(cut_batches(at(10, 3), served).damage == Errc::corrupt_batch);
}

TEST_CASE("cut_batches: any bit that flips is noticed, and what comes before it is kept",
          "[fetch][batches]") {
  const Bytes first = batch_of(10, 3, {"a"});
  const Bytes second = batch_of(11, 3, {"bcd"});
  // Magic and all behind the checksum; of what lies before it offsets, epochs and the length have
  // their own tests.
  for (std::size_t place = 16; place < second.size(); ++place) {
    Bytes served = joined({first, second});
    served[first.size() + place] ^= std::byte{4};
    const auto cut = cut_batches(at(10, 3), served);
    CHECK(cut.damage != Errc::ok);
    CHECK(cut.batches.size() == 1);
    CHECK(cut.next == at(11, 3));
  }
}

TEST_CASE("cut_batches: offsets and leader epochs never fall within a log", "[fetch][batches]") {
  const Bytes first = batch_of(10, 3, {"a", "b"});
  CHECK(cut_batches(at(10, 3), joined({first, batch_of(11, 3, {"c"})})).damage ==
        Errc::corrupt_batch);
  CHECK(cut_batches(at(10, 3), joined({first, first})).damage == Errc::corrupt_batch);
  CHECK(cut_batches(at(10, 3), joined({first, batch_of(12, 2, {"c"})})).damage ==
        Errc::corrupt_batch);
  CHECK(cut_batches(at(10, 4), first).damage == Errc::corrupt_batch);
}

TEST_CASE("cut_batches: offsets that no log reaches are damage", "[fetch][batches]") {
  CHECK(cut_batches(at(10), batch_of(-5, 3, {"a"})).damage == Errc::corrupt_batch);
  CHECK(cut_batches(at(10), batch_of(INT64_MAX, 3, {"a"})).damage == Errc::corrupt_batch);
}

TEST_CASE("cut_batches: transaction markers move the place on and are not handed out",
          "[fetch][batches]") {
  Bytes marker =
      build_marker(ControlType::commit, ProducerId{1}, ProducerEpoch{0}, 0, Timestamp{1});
  assign_batch_offset(marker, Offset{11}, LeaderEpoch{3});
  const auto cut = cut_batches(at(10, 3), joined({batch_of(10, 3, {"a"}), marker}));
  CHECK(cut.batches.size() == 1);
  CHECK(cut.next == at(12, 3));
}

}  // namespace
}  // namespace strandline::client
