#include <catch2/catch.hpp>

#include "protocol/wire/byte_buffer.h"
#include "protocol/wire/frame.h"
#include "protocol/wire/messages/all.h"
#include "tests/unit/protocol/wire/wire_bytes.h"

namespace strandline::wire {
namespace {

// A Fetch answer of two partitions with the given records.
FetchResponse answer_with(Records first, Records second) {
  FetchResponse answer;
  answer.topics.resize(1);
  answer.topics[0].name = "t1";
  answer.topics[0].partitions = {{.index = PartitionIndex{0}, .records = first},
                                 {.index = PartitionIndex{1}, .records = second}};
  return answer;
}

// What the receiver sees once the sender has put the spliced bytes in.
std::vector<std::byte> as_sent(const EncodedFrame& frame, const std::string& filler) {
  std::vector<std::byte> sent;
  std::size_t from = 0;
  const ByteView bytes = frame.buffer.view();
  for (const Splice& splice : frame.splices) {
    sent.insert(sent.end(), bytes.begin() + from, bytes.begin() + splice.position);
    from = splice.position;
    const ByteView fill = as_bytes(filler).subspan(splice.id, splice.bytes);
    sent.insert(sent.end(), fill.begin(), fill.end());
  }
  sent.insert(sent.end(), bytes.begin() + from, bytes.end());
  return sent;
}

TEST_CASE("encode: external records are spliced in as if they had been copied", "[wire]") {
  const std::string segment = "slice one|slice two, which is longer";
  const ByteView bytes = as_bytes(segment);
  for (std::int16_t version = 4; version <= 17; ++version) {
    INFO("v" << version);
    EncodedFrame copied;
    encode_response(answer_with({.bytes = bytes.first(9)}, {.bytes = bytes.subspan(10)}), version,
                    3, copied);
    EncodedFrame spliced;
    encode_response(answer_with({.external_bytes = 9, .external_id = 0},
                                {.external_bytes = bytes.size() - 10, .external_id = 10}),
                    version, 3, spliced);
    REQUIRE(copied.splices.empty());
    REQUIRE(spliced.splices.size() == 2);
    CHECK(spliced.buffer.size() == copied.buffer.size() - (bytes.size() - 1));
    CHECK(spliced.total_bytes() == copied.buffer.size());
    CHECK(hex_of(as_sent(spliced, segment)) == hex_of(copied.buffer.view()));
  }
}

TEST_CASE("encode: a frame's size counts external bytes of gigabytes", "[wire]") {
  EncodedFrame out;
  encode_response(answer_with({.external_bytes = 1 << 30, .external_id = 7}, {}), 11, 1, out);
  CHECK(decode_frame_size(out.buffer.view(), std::size_t{1} << 31).value() ==
        out.total_bytes() - kFrameSizeBytes);
  CHECK(out.buffer.size() < 200);
  CHECK(out.splices == std::vector<Splice>{{out.splices[0].position, 1 << 30, 7}});
}

TEST_CASE("encode: a second frame's size does not count the first one's external bytes", "[wire]") {
  EncodedFrame out;
  encode_response(answer_with({.external_bytes = 1000, .external_id = 1}, {}), 11, 1, out);
  const std::size_t first = out.buffer.size();
  encode_response(answer_with({.external_bytes = 50, .external_id = 2}, {}), 11, 2, out);
  const auto second = decode_frame_size(out.buffer.view().subspan(first), 1 << 20);
  CHECK(second.value() == out.buffer.size() - first - kFrameSizeBytes + 50);
  out.clear();
  CHECK(out.total_bytes() == 0);
}

TEST_CASE("encode: a tagged field is sent only when it says something", "[wire]") {
  FetchResponse answer = answer_with({}, {});
  EncodedFrame plain;
  encode_body(answer, 12, plain);
  answer.topics[0].partitions[1].current_leader = {BrokerId{7}, LeaderEpoch{3}};
  EncodedFrame tagged;
  encode_body(answer, 12, tagged);
  // Tag 1, size 9 (two int32 and a tag buffer of their own).
  CHECK(tagged.buffer.size() == plain.buffer.size() + 11);
  CHECK(hex_of(tagged.buffer.view())
            .find("01"
                  "01"
                  "09"
                  "00000007"
                  "00000003"
                  "00") != std::string::npos);
  const auto decoded = decode_all<FetchResponse>(tagged.buffer.view(), 12);
  CHECK(decoded.value() == answer);
  // Version 11 has no tags.
  EncodedFrame before;
  encode_body(answer, 11, before);
  CHECK(decode_all<FetchResponse>(before.buffer.view(), 11).value() == answer_with({}, {}));
}

TEST_CASE("encode: tagged payloads of any length have the right size in front", "[wire]") {
  for (const std::size_t length : {1U, 100U, 117U, 118U, 119U, 130U, 16000U, 16400U, 40000U}) {
    INFO("host of " << length << " bytes");
    ProduceResponse answer;
    answer.node_endpoints = {{.node_id = BrokerId{1}, .host = std::string(length, 'h')}};
    EncodedFrame out;
    encode_body(answer, 10, out);
    CHECK(decode_all<ProduceResponse>(out.buffer.view(), 10).value() == answer);
  }
}

TEST_CASE("encode: null in a version that knows none becomes empty", "[wire]") {
  MetadataRequest all;
  EncodedFrame out;
  encode_body(all, 0, out);
  CHECK(hex_of(out.buffer.view()) == "00000000");
  out.clear();
  encode_body(all, 1, out);
  CHECK(hex_of(out.buffer.view()) == "ffffffff");
  out.clear();
  all.topics.emplace(1);  // a topic without a name
  encode_body(all, 9, out);
  CHECK(hex_of(out.buffer.view()) ==
        "0201000100"
        "0000");
}

TEST_CASE("encode: a text too long for its length is cut at a character", "[wire]") {
  InitProducerIdRequest request;
  const std::string ascii(40000, 'x');
  request.transactional_id = ascii;
  EncodedFrame out;
  encode_body(request, 0, out);
  auto decoded = decode_all<InitProducerIdRequest>(out.buffer.view(), 0);
  CHECK(decoded.value().transactional_id->size() == 32767);

  std::string accents;  // two bytes each, so that the limit falls inside one
  while (accents.size() < 40000) accents += "é";
  request.transactional_id = accents;
  out.clear();
  encode_body(request, 0, out);
  decoded = decode_all<InitProducerIdRequest>(out.buffer.view(), 0);
  CHECK(decoded.value().transactional_id->size() == 32766);
  // Flexible versions carry it whole.
  out.clear();
  encode_body(request, 2, out);
  CHECK(decode_all<InitProducerIdRequest>(out.buffer.view(), 2).value() == request);
}

TEST_CASE("encode: causes of our own and of the system travel as Kafka errors", "[wire]") {
  InitProducerIdResponse answer;
  answer.error_code = Errc::disk_full;
  EncodedFrame out;
  encode_body(answer, 0, out);
  CHECK(decode_all<InitProducerIdResponse>(out.buffer.view(), 0).value().error_code ==
        Errc::kafka_storage_error);
  CHECK(wire_error(ErrorCode{5, boost::system::system_category()}) == Errc::kafka_storage_error);
  CHECK(wire_error(make_error_code(Errc::fenced_leader_epoch)) == Errc::fenced_leader_epoch);
  CHECK(wire_error(ErrorCode{}) == Errc::ok);
}

TEST_CASE("byte buffer: grows without losing what it holds, and keeps its memory", "[wire]") {
  ByteBuffer buffer;
  CHECK(buffer.empty());
  std::string expected;
  for (int i = 0; i < 2000; ++i) {
    const std::string piece(static_cast<std::size_t>(i % 7), static_cast<char>('a' + i % 26));
    buffer.append(as_bytes(piece));
    expected += piece;
  }
  CHECK(as_text(buffer.view()) == expected);
  const std::size_t capacity = buffer.capacity();
  buffer.clear();
  CHECK(buffer.capacity() == capacity);
  buffer.reserve(10 * capacity);
  CHECK(buffer.capacity() == 10 * capacity);
  buffer.append(as_bytes("abc"));
  buffer.truncate(2);
  CHECK(as_text(buffer.view()) == "ab");
  const ByteBuffer moved = std::move(buffer);
  CHECK(as_text(moved.view()) == "ab");
}

}  // namespace
}  // namespace strandline::wire
