#include "tests/unit/protocol/wire/vectors.h"

#include <catch2/catch.hpp>

#include "protocol/wire/frame.h"
#include "protocol/wire/messages/all.h"
#include "tests/unit/protocol/wire/wire_bytes.h"

namespace strandline::wire {
namespace {

// A captured request: header and body decoded, and the whole frame encoded once more.
template <Message M>
class CapturedRequest {
 public:
  explicit CapturedRequest(const std::string& hex) : frame_(from_hex(hex)) {
    const ByteView whole{frame_};
    const auto size = decode_frame_size(whole, 1 << 20);
    REQUIRE(size.value() == frame_.size() - kFrameSizeBytes);
    auto parsed = decode_request_header(whole.subspan(kFrameSizeBytes));
    REQUIRE(parsed.has_value());
    header = parsed.value();
    REQUIRE(header.api == &M::kApi);
    body = decode_all<M>(header.body, header.version).value();
  }

  std::string encoded_again() const {
    EncodedFrame out;
    encode_request(body, header.version, header.correlation_id, header.client_id, out);
    return hex_of(out.buffer.view());
  }
  std::string captured() const { return hex_of(frame_); }

  RequestHeader header;
  M body;

 private:
  std::vector<std::byte> frame_;
};

template <Message M>
std::string encoded(const M& response, std::int16_t version, std::int32_t correlation_id) {
  EncodedFrame out;
  encode_response(response, version, correlation_id, out);
  return hex_of(out.buffer.view());
}

std::string plain(const std::string& hex) { return hex_of(from_hex(hex)); }

template <Message M>
M decoded_answer(const std::vector<std::byte>& frame, std::int16_t version,
                 std::int32_t correlation_id) {
  const auto header =
      decode_response_header(ByteView{frame}.subspan(kFrameSizeBytes), M::kApi, version);
  REQUIRE(header.has_value());
  REQUIRE(header.value().correlation_id == correlation_id);
  return decode_all<M>(header.value().body, version).value();
}

const Uuid kTopicPtId = [] {
  const auto raw = from_hex("8d43d5ea44b2425d9d2b7ed6c427d6e4");
  Uuid id;
  std::copy(raw.begin(), raw.end(), id.bytes.begin());
  return id;
}();

TEST_CASE("wire: kcat's ApiVersions v3 decodes and encodes to its bytes", "[wire]") {
  const CapturedRequest<ApiVersionsRequest> request{vectors::kApiVersionsV3Request};
  CHECK(request.header.version == 3);
  CHECK(request.header.correlation_id == 1);
  CHECK(request.header.client_id == "rdkafka");
  CHECK(request.body.client_software_name == "librdkafka");
  CHECK(request.body.client_software_version == "2.0.2");
  CHECK(request.encoded_again() == request.captured());
}

TEST_CASE("wire: an ApiVersions version nobody knows is answered in version 0 with one entry",
          "[wire]") {
  EncodedFrame out;
  encode_unsupported_api_versions(1, out);
  CHECK(hex_of(out.buffer.view()) == plain(vectors::kApiVersionsUnknownAnswer));
}

TEST_CASE("wire: kcat's Metadata v4 decodes and encodes to its bytes", "[wire]") {
  const CapturedRequest<MetadataRequest> request{vectors::kMetadataV4Request};
  CHECK(request.header.correlation_id == 2);
  REQUIRE(request.body.topics.has_value());
  REQUIRE(request.body.topics->size() == 1);
  CHECK(request.body.topics->front().name == "t1");
  CHECK(request.body.allow_auto_topic_creation);
  CHECK_FALSE(request.body.asks_all(4));
  CHECK(request.encoded_again() == request.captured());
}

TEST_CASE("wire: the Metadata v4 answer encodes to the bytes kcat accepts", "[wire]") {
  MetadataResponse answer;
  answer.brokers = {{.node_id = BrokerId{1}, .host = "127.0.0.1", .port = 19105}};
  answer.cluster_id = "mini";
  answer.controller_id = BrokerId{1};
  answer.topics = {{.name = "t1",
                    .partitions = {{.index = PartitionIndex{0},
                                    .leader_id = BrokerId{1},
                                    .replicas = {BrokerId{1}},
                                    .isr = {BrokerId{1}}}}}};
  // The captured answer is of version 4, which knows neither offline replicas nor epochs.
  CHECK(encoded(answer, 4, 2) == plain(vectors::kMetadataV4Answer));
  CHECK(decoded_answer<MetadataResponse>(from_hex(vectors::kMetadataV4Answer), 4, 2) == answer);
}

TEST_CASE("wire: kcat's Produce v7 decodes without copying the batch", "[wire]") {
  const CapturedRequest<ProduceRequest> request{vectors::kProduceV7Request};
  CHECK_FALSE(request.body.transactional_id.has_value());
  CHECK(request.body.acks == -1);
  CHECK(request.body.timeout_ms == 30000);
  REQUIRE(request.body.topics.size() == 1);
  CHECK(request.body.topics[0].name == "t1");
  REQUIRE(request.body.topics[0].partitions.size() == 1);
  const auto& partition = request.body.topics[0].partitions[0];
  CHECK(partition.index == PartitionIndex{0});
  REQUIRE(partition.records.has_value());
  CHECK(hex_of(partition.records->bytes) == plain(vectors::kBatchA));
  const ByteView body = request.header.body;
  CHECK(partition.records->bytes.data() == body.data() + body.size() - 76);
  CHECK(request.encoded_again() == request.captured());
}

TEST_CASE("wire: the Produce v7 answer encodes to the bytes kcat accepts", "[wire]") {
  ProduceResponse answer;
  answer.topics = {
      {.name = "t1",
       .partitions = {
           {.index = PartitionIndex{0}, .base_offset = Offset{0}, .log_start_offset = Offset{0}}}}};
  CHECK(encoded(answer, 7, 3) == plain(vectors::kProduceV7Answer));
  CHECK(decoded_answer<ProduceResponse>(from_hex(vectors::kProduceV7Answer), 7, 3) == answer);
}

TEST_CASE("wire: kcat's Fetch v11 decodes and encodes to its bytes", "[wire]") {
  const CapturedRequest<FetchRequest> request{vectors::kFetchV11Request};
  const FetchRequest& fetch = request.body;
  CHECK(fetch.replica_id == kNoBroker);
  CHECK(fetch.wait_ms_max == 500);
  CHECK(fetch.bytes_min == 1);
  CHECK(fetch.bytes_max == 52428800);
  CHECK(fetch.isolation_level == IsolationLevel::read_committed);
  CHECK(fetch.session_id == 0);
  CHECK(fetch.session_epoch == -1);
  REQUIRE(fetch.topics.size() == 1);
  CHECK(fetch.topics[0].name == "t1");
  REQUIRE(fetch.topics[0].partitions.size() == 1);
  CHECK(fetch.topics[0].partitions[0].fetch_offset == Offset{0});
  CHECK(fetch.topics[0].partitions[0].current_leader_epoch == kNoLeaderEpoch);
  CHECK(fetch.topics[0].partitions[0].bytes_max == 1 << 20);
  CHECK(fetch.rack_id.empty());
  CHECK(request.encoded_again() == request.captured());
}

FetchResponse fetch_answer(std::int64_t high_watermark, ByteView batch) {
  FetchResponse answer;
  answer.topics.resize(1);
  answer.topics[0].partitions = {{.index = PartitionIndex{0},
                                  .high_watermark = Offset{high_watermark},
                                  .last_stable_offset = Offset{high_watermark},
                                  .log_start_offset = Offset{0},
                                  .records = {.bytes = batch}}};
  return answer;
}

TEST_CASE("wire: the Fetch v11 answer encodes to the bytes kcat accepts", "[wire]") {
  const auto batch = from_hex(vectors::kBatchA);
  FetchResponse answer = fetch_answer(1, batch);
  answer.topics[0].name = "t1";
  CHECK(encoded(answer, 11, 7) == plain(vectors::kFetchV11Answer));
  const auto frame = from_hex(vectors::kFetchV11Answer);
  CHECK(decoded_answer<FetchResponse>(frame, 11, 7) == answer);
}

TEST_CASE("wire: a flexible Metadata v12 by name decodes and encodes to its bytes", "[wire]") {
  const CapturedRequest<MetadataRequest> request{vectors::kMetadataV12Request};
  CHECK(request.header.client_id == "plt");
  REQUIRE(request.body.topics.has_value());
  REQUIRE(request.body.topics->size() == 1);
  CHECK(request.body.topics->front().name == "pt");
  CHECK(request.body.topics->front().topic_id.is_zero());
  CHECK(request.body.allow_auto_topic_creation);
  CHECK_FALSE(request.body.include_topic_authorized_operations);
  CHECK(request.encoded_again() == request.captured());
}

TEST_CASE("wire: a flexible Produce v11 decodes, its answer encodes to the accepted bytes",
          "[wire]") {
  const CapturedRequest<ProduceRequest> request{vectors::kProduceV11Request};
  CHECK(request.body.acks == 1);
  CHECK(request.body.timeout_ms == 5000);
  REQUIRE(request.body.topics.size() == 1);
  CHECK(request.body.topics[0].name == "pt");
  CHECK(hex_of(request.body.topics[0].partitions.at(0).records->bytes) == plain(vectors::kBatchB));
  CHECK(request.encoded_again() == request.captured());

  ProduceResponse answer;
  answer.topics = {
      {.name = "pt",
       .partitions = {
           {.index = PartitionIndex{0}, .base_offset = Offset{0}, .log_start_offset = Offset{0}}}}};
  CHECK(encoded(answer, 11, 3) == plain(vectors::kProduceV11Answer));
  CHECK(decoded_answer<ProduceResponse>(from_hex(vectors::kProduceV11Answer), 11, 3) == answer);
}

TEST_CASE("wire: a Fetch v16 by topic id decodes, its answer encodes to the accepted bytes",
          "[wire]") {
  const CapturedRequest<FetchRequest> request{vectors::kFetchV16Request};
  CHECK(request.body.replica_state == FetchRequest::ReplicaState{});
  CHECK(request.body.session_epoch == 0);
  REQUIRE(request.body.topics.size() == 1);
  CHECK(request.body.topics[0].topic_id == kTopicPtId);
  CHECK(request.body.topics[0].partitions.at(0).bytes_max == 52428800);
  CHECK(request.encoded_again() == request.captured());

  const auto batch = from_hex(vectors::kBatchB);
  FetchResponse answer = fetch_answer(2, batch);
  answer.topics[0].topic_id = kTopicPtId;
  CHECK(encoded(answer, 16, 1) == plain(vectors::kFetchV16Answer));
  const auto frame = from_hex(vectors::kFetchV16Answer);
  CHECK(decoded_answer<FetchResponse>(frame, 16, 1) == answer);
}

}  // namespace
}  // namespace strandline::wire
