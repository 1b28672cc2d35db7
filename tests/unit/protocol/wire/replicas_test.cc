// The messages about replicas, byte by byte: what versions leave out, and what null means.
#include <catch2/catch.hpp>

#include "protocol/wire/codec.h"
#include "protocol/wire/messages/alter_partition_reassignments.h"
#include "protocol/wire/messages/elect_leaders.h"
#include "protocol/wire/messages/list_partition_reassignments.h"
#include "tests/unit/protocol/wire/wire_bytes.h"

namespace strandline::wire {
namespace {

template <Message M>
std::string encoded(const M& message, std::int16_t version) {
  EncodedFrame out;
  encode_body(message, version, out);
  return hex_of(out.buffer.view());
}

template <Message M>
M decoded(const std::string& hex, std::int16_t version) {
  static std::vector<std::byte> bytes;  // requests borrow from it
  bytes = from_hex(hex);
  return decode_all<M>(bytes, version).value();
}

std::string plain(const std::string& hex) { return hex_of(from_hex(hex)); }

TEST_CASE("wire: ElectLeaders tells the kind of election from version 1 on", "[wire]") {
  const ElectLeadersRequest all{.election_type = ElectionType::preferred};
  CHECK(encoded(all, 0) == plain("ffffffff 0000ea60"));
  CHECK(encoded(all, 1) == plain("00 ffffffff 0000ea60"));
  CHECK(encoded(all, 2) == plain("00 00 0000ea60 00"));
  const ElectLeadersRequest one{.election_type = ElectionType::unclean,
                                .topics = {{{.name = "t", .partitions = {PartitionIndex{3}}}}},
                                .timeout_ms = 1};
  CHECK(encoded(one, 1) == plain("01 00000001 0001 74 00000001 00000003 00000001"));
  CHECK(encoded(one, 2) == plain("01 02 02 74 02 00000003 00 00000001 00"));
  CHECK(decoded<ElectLeadersRequest>(encoded(one, 2), 2) == one);
}

TEST_CASE("wire: an ElectLeaders answer has an error of its own from version 1 on", "[wire]") {
  const ElectLeadersResponse answer{
      .topics = {{"t", {{PartitionIndex{0}, Errc::election_not_needed, "no"}}}}};
  CHECK(encoded(answer, 0) == plain("00000000 00000001 0001 74 00000001 00000000 0054 0002 6e6f"));
  CHECK(encoded(answer, 1) ==
        plain("00000000 0000 00000001 0001 74 00000001 00000000 0054 0002 6e6f"));
  CHECK(encoded(answer, 2) == plain("00000000 0000 02 02 74 02 00000000 0054 03 6e6f 00 00 00"));
}

TEST_CASE("wire: replicas that are null take a reassignment back", "[wire]") {
  const AlterPartitionReassignmentsRequest request{
      .topics = {{"t", {{PartitionIndex{1}, std::nullopt}, {PartitionIndex{2}, {{BrokerId{7}}}}}}}};
  CHECK(encoded(request, 0) ==
        plain("0000ea60 02 02 74 03 00000001 00 00 00000002 02 00000007 00 00 00"));
  CHECK(encoded(request, 1) ==
        plain("0000ea60 01 02 02 74 03 00000001 00 00 00000002 02 00000007 00 00 00"));
  const auto back = decoded<AlterPartitionReassignmentsRequest>(encoded(request, 0), 0);
  CHECK(back == request);
  CHECK(back.allow_replication_factor_change);  // before there was a choice it was allowed
}

TEST_CASE("wire: null topics ask for all reassignments", "[wire]") {
  CHECK(encoded(ListPartitionReassignmentsRequest{}, 0) == plain("0000ea60 00 00"));
  CHECK(encoded(ListPartitionReassignmentsRequest{.topics = {{}}}, 0) == plain("0000ea60 01 00"));
  const ListPartitionReassignmentsResponse answer{
      .topics = {{"t",
                  {{.index = PartitionIndex{0},
                    .replicas = {BrokerId{1}, BrokerId{2}},
                    .adding = {BrokerId{1}},
                    .removing = {BrokerId{2}}}}}}};
  CHECK(encoded(answer, 0) == plain("00000000 0000 00 02 02 74 02 00000000 03 00000001 00000002"
                                    "02 00000001 02 00000002 00 00 00"));
}

}  // namespace
}  // namespace strandline::wire
