#include "replication/partition/isr_set.h"

#include <catch2/catch.hpp>

namespace strandline {
namespace {

CommittedIsr committed(std::int32_t epoch, std::vector<ReplicaId> members) {
  return {.partition_epoch = PartitionEpoch{epoch}, .members = std::move(members)};
}

IsrProposal proposal(std::int32_t expected, const std::vector<ReplicaId>& members) {
  IsrProposal made{.leader_epoch = LeaderEpoch{1}, .expected = PartitionEpoch{expected}};
  for (const ReplicaId member : members) made.members.push_back({member, Incarnation{1}});
  return made;
}

constexpr ReplicaId kOne{1};
constexpr ReplicaId kTwo{2};
constexpr ReplicaId kThree{3};
using Set = std::set<ReplicaId>;

TEST_CASE("IsrSet: a proposed addition counts at once, a proposed removal not yet", "[isr]") {
  IsrSet isr{committed(4, {kOne, kTwo})};
  isr.propose(proposal(4, {kOne, kThree}));
  CHECK(isr.committed() == Set{kOne, kTwo});
  CHECK(isr.maximal() == Set{kOne, kTwo, kThree});
  REQUIRE(isr.commit(committed(5, {kOne, kThree})));
  CHECK(isr.maximal() == Set{kOne, kThree});
  CHECK_FALSE(isr.pending().has_value());
}

TEST_CASE("IsrSet: a refused addition counts until another change is committed", "[isr]") {
  IsrSet isr{committed(4, {kOne, kTwo})};
  isr.propose(proposal(4, {kOne, kTwo, kThree}));
  REQUIRE(isr.refuse(PartitionEpoch{4}));
  CHECK_FALSE(isr.pending().has_value());
  CHECK(isr.has_doubt());
  CHECK(isr.maximal() == Set{kOne, kTwo, kThree});
  isr.propose(proposal(4, {kOne, kTwo}));
  CHECK(isr.maximal() == Set{kOne, kTwo, kThree});  // the first one may still be on its way
  REQUIRE(isr.commit(committed(5, {kOne, kTwo})));
  CHECK_FALSE(isr.has_doubt());
  CHECK(isr.maximal() == Set{kOne, kTwo});
}

TEST_CASE("IsrSet: what is not newer than the known changes nothing", "[isr]") {
  IsrSet isr{committed(4, {kOne, kTwo})};
  CHECK_FALSE(isr.commit(committed(4, {kOne})));
  CHECK_FALSE(isr.commit(committed(3, {kOne})));
  CHECK(isr.size() == 2);
}

TEST_CASE("IsrSet: a refusal of another proposal is none of this one", "[isr]") {
  IsrSet isr{committed(4, {kOne, kTwo})};
  CHECK_FALSE(isr.refuse(PartitionEpoch{4}));
  isr.propose(proposal(4, {kOne}));
  CHECK_FALSE(isr.refuse(PartitionEpoch{3}));
  CHECK(isr.pending().has_value());
}

}  // namespace
}  // namespace strandline
