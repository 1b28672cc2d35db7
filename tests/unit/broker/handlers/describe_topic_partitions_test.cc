#include "broker/handlers/describe_topic_partitions.h"

#include <catch2/catch.hpp>

#include "tests/unit/broker/handlers/admin_harness.h"

using namespace strandline;
using Request = wire::DescribeTopicPartitionsRequest;

namespace {

// "a:0,1 b:0" for what an answer holds, and "... -> b/1" when there is more.
std::string told(const wire::DescribeTopicPartitionsResponse& response) {
  std::string out;
  for (const auto& topic : response.topics) {
    out += (out.empty() ? "" : " ") + *topic.name + ":";
    if (topic.error_code != Errc::ok) out += std::string{errc_name(topic.error_code)};
    for (const auto& partition : topic.partitions) {
      out += (out.back() == ':' ? "" : ",") + std::to_string(partition.index.value());
    }
  }
  if (!response.next_cursor) return out;
  return out + " -> " + response.next_cursor->topic_name + "/" +
         std::to_string(response.next_cursor->partition_index.value());
}

std::string ask(const AdminHarness& t, const Request& request) {
  return told(answer_describe_topic_partitions(t.image(), request));
}

}  // namespace

TEST_CASE("DescribeTopicPartitions: topics come in the order of names, each once", "[handlers]") {
  AdminHarness t;
  t.create("b");
  t.create("a", 2);
  CHECK(ask(t, {}) == "a:0,1 b:0");
  CHECK(ask(t, {.topics = {{"b"}, {"x"}, {"a b"}, {"a"}, {"b"}}}) ==
        "a:0,1 a b:invalid_topic_exception b:0 x:unknown_topic_or_partition");
}

TEST_CASE("DescribeTopicPartitions: pages join up without loss or doubling", "[handlers]") {
  AdminHarness t;
  t.create("a", 3);
  t.create("b", 1);
  t.create("c", 2);
  CHECK(ask(t, {.response_partition_limit = 2}) == "a:0,1 -> a/2");
  CHECK(ask(t, {.response_partition_limit = 2,
                .cursor = Request::Cursor{"a", PartitionIndex{2}}}) == "a:2 b:0 -> c/0");
  CHECK(ask(t, {.response_partition_limit = 2,
                .cursor = Request::Cursor{"c", PartitionIndex{0}}}) == "c:0,1");
  CHECK(ask(t, {.response_partition_limit = 3}) == "a:0,1,2 -> b/0");
  CHECK(ask(t, {.response_partition_limit = 0}) == "a:0 -> a/1");  // one at least
}

TEST_CASE("DescribeTopicPartitions: a cursor on what is gone goes on behind it", "[handlers]") {
  AdminHarness t;
  t.create("a", 2);
  t.create("c", 2);
  CHECK(ask(t, {.cursor = Request::Cursor{"b", PartitionIndex{1}}}) == "c:0,1");
  CHECK(ask(t, {.cursor = Request::Cursor{"a", PartitionIndex{2147483647}}}) == "a: c:0,1");
  CHECK(ask(t, {.cursor = Request::Cursor{"z", PartitionIndex{0}}}).empty());
}

TEST_CASE("DescribeTopicPartitions: a negative cursor is refused", "[handlers]") {
  AdminHarness t;
  t.create("a");
  CHECK(ask(t, {.topics = {{"a"}}, .cursor = Request::Cursor{"a", PartitionIndex{-1}}}) ==
        "a:invalid_request");
}

TEST_CASE("DescribeTopicPartitions: one answer holds two thousand partitions at most",
          "[handlers]") {
  AdminHarness t;
  t.create("a", 2500);
  const auto response =
      answer_describe_topic_partitions(t.image(), {.response_partition_limit = 100000});
  CHECK(response.topics.at(0).partitions.size() == 2000);
  CHECK(response.next_cursor->partition_index == PartitionIndex{2000});
}
