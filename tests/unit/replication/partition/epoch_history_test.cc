#include "replication/partition/epoch_history.h"

#include <catch2/catch.hpp>

namespace strandline {
namespace {

EpochStart at(std::int32_t epoch, std::int64_t start) {
  return {LeaderEpoch{epoch}, Offset{start}};
}

// Epochs 1, 3 and 7 begin at 0, 10 and 20.
EpochHistory three_epochs() { return EpochHistory{{at(1, 0), at(3, 10), at(7, 20)}}; }

// Epochs first, first + step, …, ten records each.
EpochHistory many_epochs(std::int32_t first, std::int32_t step, int count) {
  EpochHistory history;
  for (int i = 0; i < count; ++i) {
    history.on_epoch(LeaderEpoch{first + i * step}, Offset{i * 10});
  }
  return history;
}

Offset common_end(const EpochHistory& ours, Offset our_end, const EpochHistory& theirs,
                  Offset their_end) {
  const EpochMatch match = ours.match(theirs.piece(std::nullopt, their_end), our_end);
  REQUIRE(match.kind == EpochMatch::Kind::common);
  return match.end;
}

TEST_CASE("EpochHistory: a log agrees with itself up to its end", "[epochs]") {
  CHECK(common_end(three_epochs(), Offset{30}, three_epochs(), Offset{30}) == Offset{30});
  CHECK(common_end(three_epochs(), Offset{30}, three_epochs(), Offset{25}) == Offset{25});
  CHECK(common_end(three_epochs(), Offset{25}, three_epochs(), Offset{30}) == Offset{25});
}

TEST_CASE("EpochHistory: the newest common epoch decides, and its shorter run", "[epochs]") {
  const EpochHistory theirs{{at(1, 0), at(3, 10), at(5, 14)}};
  CHECK(common_end(three_epochs(), Offset{30}, theirs, Offset{40}) == Offset{14});
  const EpochHistory longer{{at(1, 0), at(3, 10), at(5, 27)}};
  CHECK(common_end(three_epochs(), Offset{30}, longer, Offset{40}) == Offset{20});
  const EpochHistory older{{at(1, 0)}};
  CHECK(common_end(three_epochs(), Offset{30}, older, Offset{40}) == Offset{10});
}

TEST_CASE("EpochHistory: without an epoch in common nothing is", "[epochs]") {
  const EpochHistory theirs{{at(2, 0), at(4, 10)}};
  const EpochPiece piece = theirs.piece(std::nullopt, Offset{20});
  CHECK(three_epochs().match(piece, Offset{30}).kind == EpochMatch::Kind::none);
  const EpochPiece empty = EpochHistory{}.piece(std::nullopt, Offset{0});
  CHECK(three_epochs().match(empty, Offset{30}).kind == EpochMatch::Kind::none);
  CHECK(EpochHistory{}.match(piece, Offset{0}).kind == EpochMatch::Kind::none);
}

TEST_CASE("EpochHistory: a piece holds 64 epochs, the newest that are asked for", "[epochs]") {
  const EpochHistory history = many_epochs(1, 1, 200);
  const EpochPiece newest = history.piece(std::nullopt, Offset{2000});
  CHECK(newest.starts.size() == 64);
  CHECK(newest.starts.front() == at(137, 1360));
  CHECK(newest.starts.back() == at(200, 1990));
  CHECK(newest.end == Offset{2000});
  CHECK(newest.has_older);
  const EpochPiece oldest = history.piece(LeaderEpoch{10}, Offset{2000});
  CHECK(oldest.starts.size() == 10);
  CHECK(oldest.end == Offset{100});  // where epoch 11 begins
  CHECK_FALSE(oldest.has_older);
}

TEST_CASE("EpochHistory: older epochs are asked for below our own next older one", "[epochs]") {
  const EpochHistory ours{{at(5, 0), at(300, 40)}};
  const EpochHistory theirs = many_epochs(1, 1, 200);
  const EpochMatch first = ours.match(theirs.piece(std::nullopt, Offset{2000}), Offset{50});
  REQUIRE(first.kind == EpochMatch::Kind::older);
  CHECK(first.at_most == LeaderEpoch{5});  // 6 to 136 cannot be common
  const EpochMatch second = ours.match(theirs.piece(first.at_most, Offset{2000}), Offset{50});
  REQUIRE(second.kind == EpochMatch::Kind::common);
  CHECK(second.end == Offset{40});
}

TEST_CASE("EpochHistory: nothing older is asked for when all our epochs are newer", "[epochs]") {
  const EpochHistory ours{{at(300, 0)}};
  const EpochHistory theirs = many_epochs(1, 1, 200);
  CHECK(ours.match(theirs.piece(std::nullopt, Offset{2000}), Offset{50}).kind ==
        EpochMatch::Kind::none);
}

TEST_CASE("EpochHistory: an older epoch than the latest begins nothing", "[epochs]") {
  EpochHistory history = three_epochs();
  history.on_epoch(LeaderEpoch{7}, Offset{25});
  history.on_epoch(LeaderEpoch{2}, Offset{28});
  CHECK(history.starts() == three_epochs().starts());
  CHECK(history.latest() == LeaderEpoch{7});
}

TEST_CASE("EpochHistory: a piece from outside is looked at before it is believed", "[epochs]") {
  const auto is_good = [](EpochStarts starts, std::int64_t end) {
    return is_well_formed(EpochPiece{.starts = std::move(starts), .end = Offset{end}});
  };
  CHECK(is_good({}, 0));
  CHECK(is_good({at(0, 0), at(1, 0), at(2, 5)}, 5));
  CHECK_FALSE(is_good({at(1, 0), at(1, 5)}, 9));
  CHECK_FALSE(is_good({at(2, 0), at(1, 5)}, 9));
  CHECK_FALSE(is_good({at(1, 5), at(2, 4)}, 9));
  CHECK_FALSE(is_good({at(1, 5)}, 4));
  CHECK_FALSE(is_good({at(1, -1)}, 4));
  CHECK_FALSE(is_good({at(-1, 0)}, 4));
  CHECK_FALSE(is_good({}, -1));
  CHECK_FALSE(is_good(many_epochs(1, 1, 65).starts(), 1000));
}

}  // namespace
}  // namespace strandline
