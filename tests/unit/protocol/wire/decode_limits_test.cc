#include <catch2/catch.hpp>

#include "protocol/wire/messages/all.h"
#include "tests/unit/protocol/wire/wire_bytes.h"

namespace strandline::wire {
namespace {

template <Message M>
Errc decode_error(const std::string& hex, std::int16_t version, DecodeFailure* failure = nullptr) {
  const ExactCopy body{from_hex(hex)};
  const auto decoded = decode_all<M>(body.view(), version, failure);
  return decoded.has_value() ? Errc::ok : errc_of(decoded.error());
}

TEST_CASE("wire: a count beyond the bytes left is refused before anything is allocated", "[wire]") {
  // One topic count or partition count of two thousand million, and next to nothing behind it.
  const struct {
    const char* hex;
    std::int16_t version;
  } bodies[] = {{"7fffffff 0002 7431", 4}, {"ffffffff0f 02", 12}, {"00000100 0002 7431", 1}};
  for (const auto& body : bodies) {
    const auto bytes = from_hex(body.hex);
    DecodeBudget budget = DecodeBudget::for_frame(bytes.size());
    const auto decoded = decode<MetadataRequest>(bytes, body.version, budget);
    CHECK(decoded.error() == Errc::truncated_frame);
    CHECK(budget.charged() == 0);
  }
  const auto log_dirs = from_hex("00000001 0002 7431 7fffffff 00000000");
  DecodeBudget budget = DecodeBudget::for_frame(log_dirs.size());
  CHECK(decode<DescribeLogDirsRequest>(log_dirs, 1, budget).error() == Errc::truncated_frame);
  CHECK(budget.charged() <= sizeof(DescribeLogDirsRequest::Topic));
}

TEST_CASE("wire: a lying count costs at most twice the elements that came", "[wire]") {
  // 1000 bytes claim to be 1000 topics; only the first 10 are there, the rest does not parse.
  std::string hex = "000003e8";
  for (int i = 0; i < 10; ++i) hex += "0001 61";
  hex += "7fff";
  for (int i = 0; i < 968; ++i) hex += "00";
  const auto body = from_hex(hex);
  DecodeBudget budget = DecodeBudget::for_frame(body.size());
  CHECK_FALSE(decode<MetadataRequest>(body, 1, budget).has_value());
  CHECK(budget.charged() <= 22 * sizeof(MetadataRequest::Topic));
}

TEST_CASE("wire: a message that would take more memory than its budget is refused", "[wire]") {
  std::string hex = "00000400";
  for (int i = 0; i < 1024; ++i) hex += "0000";
  const auto body = from_hex(hex);
  DecodeBudget generous{1024 * sizeof(MetadataRequest::Topic)};
  CHECK(decode<MetadataRequest>(body, 1, generous).value().topics->size() == 1024);
  CHECK(generous.left() == 0);
  DecodeBudget tight{1024 * sizeof(MetadataRequest::Topic) - 1};
  DecodeFailure failure;
  CHECK(decode<MetadataRequest>(body, 1, tight, &failure).error() == Errc::budget_exceeded);
  CHECK(tight.charged() <= 1024 * sizeof(MetadataRequest::Topic) - 1);
  CHECK(failure.to_text() ==
        "topics[512] at byte 1028: message would decode to more memory than it may");
}

TEST_CASE("wire: numbers in lists and strings of responses are charged too", "[wire]") {
  const auto numbers = from_hex("00000001 0002 7431 00000003 000000010000000200000003");
  DecodeBudget none{sizeof(DescribeLogDirsRequest::Topic)};
  CHECK(decode<DescribeLogDirsRequest>(numbers, 1, none).error() == Errc::budget_exceeded);
  // FindCoordinator v0 answer: error, node, host "ab", port.
  const auto host = from_hex("0000 00000001 0002 6162 00002384");
  DecodeBudget one{1};
  CHECK(decode<FindCoordinatorResponse>(host, 0, one).error() == Errc::budget_exceeded);
}

TEST_CASE("wire: an honest request for a thousand short topics stays within its budget", "[wire]") {
  std::string hex = "000003e8";
  for (int i = 0; i < 1000; ++i) hex += "0005 6162636465";
  const auto body = from_hex(hex);
  CHECK(decode_all<MetadataRequest>(body, 1).value().topics->size() == 1000);
}

TEST_CASE("wire: null where none may be is refused", "[wire]") {
  CHECK(decode_error<MetadataRequest>("ffffffff", 0) == Errc::malformed_frame);       // topics
  CHECK(decode_error<MetadataRequest>("00000001 ffff", 4) == Errc::malformed_frame);  // name
  CHECK(decode_error<MetadataRequest>("02 00", 9) == Errc::malformed_frame);          // name
  CHECK(decode_error<ListOffsetsRequest>("ffffffff ffffffff", 1) == Errc::malformed_frame);
  CHECK(decode_error<MetadataRequest>("ffffffff", 1) == Errc::ok);  // null topics: all
}

TEST_CASE("wire: lengths below -1 are refused", "[wire]") {
  CHECK(decode_error<MetadataRequest>("fffffffe", 1) == Errc::malformed_frame);
  CHECK(decode_error<MetadataRequest>("00000001 8000", 1) == Errc::malformed_frame);
  CHECK(decode_error<ProduceRequest>("ffff 0001 00000000 00000001 0000 00000001 00000000 fffffff0",
                                     3) == Errc::malformed_frame);
}

TEST_CASE("wire: null records of a Produce request are told from empty ones", "[wire]") {
  const std::string head = "ffff 0001 00000000 00000001 0000 00000001 00000000 ";
  const auto null_records = from_hex(head + "ffffffff");
  const auto no_records = from_hex(head + "00000000");
  CHECK_FALSE(decode_all<ProduceRequest>(null_records, 3)
                  .value()
                  .topics[0]
                  .partitions[0]
                  .records.has_value());
  CHECK(decode_all<ProduceRequest>(no_records, 3)
            .value()
            .topics[0]
            .partitions[0]
            .records->bytes.empty());
}

TEST_CASE("wire: null records of a Fetch answer read as empty", "[wire]") {
  const auto body = from_hex(
      "00000000 00000001 0002 7431 00000001 00000000 0000 0000000000000001 0000000000000001"
      "ffffffff ffffffff");
  const auto decoded = decode_all<FetchResponse>(body, 4);
  REQUIRE(decoded.has_value());
  CHECK(decoded.value().topics[0].partitions[0].records == Records{});
  CHECK_FALSE(decoded.value().topics[0].partitions[0].aborted_transactions.has_value());
}

TEST_CASE("wire: bytes behind the last field are ignored, as real clients send some", "[wire]") {
  CHECK(decode_error<ApiVersionsRequest>("00", 0) == Errc::ok);
  CHECK(decode_error<ApiVersionsRequest>("", 0) == Errc::ok);
  CHECK(decode_error<MetadataRequest>("00000000 01 00", 4) == Errc::ok);
  // librdkafka 2.16 asking for all topics.
  CHECK(decode_error<MetadataRequest>("00 00 00 00 01 00 00", 13) == Errc::ok);
}

TEST_CASE("wire: numbers of more than 32 bits in varints are refused", "[wire]") {
  CHECK(decode_error<MetadataRequest>("ffffffff1f", 9) == Errc::malformed_frame);
  CHECK(decode_error<MetadataRequest>("ffffffffff01", 9) == Errc::malformed_frame);
  CHECK(decode_error<MetadataRequest>("8080808080808000", 9) == Errc::malformed_frame);
  CHECK(decode_error<MetadataRequest>("ffff", 9) == Errc::truncated_frame);
}

TEST_CASE("wire: unknown tags are skipped, in messages and in their parts", "[wire]") {
  const std::string names = "0b 6c696272646b61666b61 06 322e302e32 ";
  const auto tagged = from_hex(names + "02 2a 03 aabbcc 8001 00");
  const auto decoded = decode_all<ApiVersionsRequest>(tagged, 3);
  REQUIRE(decoded.has_value());
  CHECK(decoded.value().client_software_name == "librdkafka");
  // Inside a topic of Metadata v9.
  CHECK(decode_error<MetadataRequest>("02 03 7431 01 07 02 ffff 01 00 00 00", 9) == Errc::ok);
}

TEST_CASE("wire: a known tag in a version before it existed is skipped", "[wire]") {
  // ProduceResponse v9 ends with tags; tag 0 means node endpoints from v10 on.
  CHECK(decode_error<ProduceResponse>("01 00000000 01 00 02 ffff", 9) == Errc::ok);
  CHECK(decode_error<ProduceResponse>("01 00000000 01 00 02 ffff", 10) == Errc::truncated_frame);
}

TEST_CASE("wire: tags that do not ascend, overrun or lie about their size are refused", "[wire]") {
  const std::string names = "02 61 02 62 ";
  CHECK(decode_error<ApiVersionsRequest>(names + "02 05 00 05 00", 3) == Errc::malformed_frame);
  CHECK(decode_error<ApiVersionsRequest>(names + "02 05 00 04 00", 3) == Errc::malformed_frame);
  CHECK(decode_error<ApiVersionsRequest>(names + "01 05 09 00", 3) == Errc::truncated_frame);
  CHECK(decode_error<ApiVersionsRequest>(names + "ffffffff0f", 3) == Errc::truncated_frame);
  // ApiVersionsResponse: tag 1 is an int64, here in 9 bytes, then in 7.
  const std::string head = "0000 01 00000000 01 01 ";
  CHECK(decode_error<ApiVersionsResponse>(head + "08 0000000000000007", 3) == Errc::ok);
  CHECK(decode_error<ApiVersionsResponse>(head + "09 000000000000000700", 3) ==
        Errc::malformed_frame);
  CHECK(decode_error<ApiVersionsResponse>(head + "07 00000000000007 00000000", 3) ==
        Errc::truncated_frame);
}

TEST_CASE("wire: a failure names the field, the element and the byte", "[wire]") {
  DecodeFailure failure;
  // Two topics; the second one's first partition promises 16 bytes of records and has two.
  CHECK(decode_error<ProduceRequest>("ffff 0001 00000000 00000002"
                                     "0002 7431 00000000"
                                     "0002 7432 00000001 00000005 00000010 aabb",
                                     3, &failure) == Errc::truncated_frame);
  CHECK(failure.to_text() ==
        "topic_data[1].partition_data[0].records at byte 36: frame ends before its last field");
  CHECK(decode_error<FetchRequest>("0000 0000", 4, &failure) == Errc::truncated_frame);
  CHECK(failure.to_text() == "max_wait_ms at byte 4: frame ends before its last field");
}

TEST_CASE("wire: error numbers nobody knows come back, those of our own causes never", "[wire]") {
  const auto answer = [](const char* error) {
    return decode_all<InitProducerIdResponse>(
               from_hex(std::string{"00000000 "} + error + "ffffffffffffffff 0000"), 0)
        .value()
        .error_code;
  };
  CHECK(answer("0035") == Errc::transactional_id_authorization_failed);
  CHECK(static_cast<int>(answer("0086")) == 134);
  CHECK(answer("03e8") == Errc::unknown_server_error);  // 1000 is malformed_frame in memory
  CHECK(answer("fff0") == Errc::unknown_server_error);
}

}  // namespace
}  // namespace strandline::wire
