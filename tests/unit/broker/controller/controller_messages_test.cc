#include "broker/controller/controller_messages.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <limits>

#include "protocol/base/prng.h"

namespace strandline {
namespace {

using Attachments = std::vector<ByteView>;

Attachments attachments_of(const ControllerFrame& frame) {
  return frame.attachment.empty() ? Attachments{} : Attachments{frame.attachment};
}

std::vector<std::byte> bytes_of(std::string_view text) {
  std::vector<std::byte> bytes(text.size());
  std::memcpy(bytes.data(), text.data(), text.size());
  return bytes;
}

// What came back, after its own encoding was found to be the same.
template <class T>
T sent(T request) {
  const ControllerFrame frame = encode_controller_request(ControllerRequest{std::move(request)});
  auto decoded = decode_controller_request(as_bytes(frame.message), attachments_of(frame));
  REQUIRE(decoded);
  REQUIRE(std::holds_alternative<T>(decoded.value()));
  const ControllerFrame again = encode_controller_request(decoded.value());
  CHECK(again.message == frame.message);
  CHECK(again.attachment == frame.attachment);
  return std::get<T>(std::move(decoded).value());
}

template <class T>
T answered(T answer) {
  const ControllerFrame frame =
      encode_controller_reply({.metadata_end = Offset{77}, .answer = std::move(answer)});
  auto decoded = decode_controller_reply(as_bytes(frame.message), attachments_of(frame));
  REQUIRE(decoded);
  CHECK(decoded.value().metadata_end == Offset{77});
  REQUIRE(std::holds_alternative<T>(decoded.value().answer));
  const ControllerFrame again = encode_controller_reply(decoded.value());
  CHECK(again.message == frame.message);
  CHECK(again.attachment == frame.attachment);
  return std::get<T>(std::move(decoded).value().answer);
}

struct Ids {
  Prng prng{5};
  Uuid incarnation = make_uuid(prng);
  Uuid directory = make_uuid(prng);
  Uuid topic = make_uuid(prng);
};

RegisterRequest full_registration() {
  const Ids ids;
  return {.start = {.broker = BrokerId{3},
                    .incarnation = ids.incarnation,
                    .directory = ids.directory,
                    .advertised = HostPort{"public", 9092},
                    .rpc = HostPort{"inside", 65535},
                    .rack = "r1",
                    .clean = true,
                    .shards = 2,
                    .metadata_version_max = 3},
          .findings = {.cut = {{{ids.topic, PartitionIndex{1}}, {LeaderEpoch{4}, Offset{10}}},
                               {{ids.topic, PartitionIndex{2}}, {kNoLeaderEpoch, Offset{0}}}},
                       .damaged = {{ids.topic, PartitionIndex{0}}, {ids.topic, PartitionIndex{5}}},
                       .unopened = {{ids.topic, PartitionIndex{5}}}}};
}

AlterIsrRequest isr_request() {
  return {.broker = BrokerId{1},
          .broker_epoch = 9,
          .alterations = {{.place = {Ids{}.topic, PartitionIndex{6}},
                           .leader_epoch = LeaderEpoch{2},
                           .partition_epoch = 8,
                           .isr = {{BrokerId{1}, 9}, {BrokerId{0}, -1}}}}};
}

SafeToStopReply stop_reply() {
  return {{.outcome = {},
           .unavailable = 2,
           .below_min_insync = std::numeric_limits<std::int64_t>::max(),
           .partitions = {{.topic = "a",
                           .partition = PartitionIndex{4},
                           .risk = StopRisk::below_min_insync,
                           .why = "few"},
                          {.topic = "b", .partition = PartitionIndex{0}, .why = "alone"}},
           .quorum = "two of three"}};
}

TEST_CASE("controller messages: a registration comes back with all that it found", "[controller]") {
  const Ids ids;
  const RegisterRequest back = sent(full_registration());
  CHECK(back.start.broker == BrokerId{3});
  CHECK(back.start.incarnation == ids.incarnation);
  CHECK(back.start.directory == ids.directory);
  CHECK(back.start.advertised == HostPort{"public", 9092});
  CHECK(back.start.rpc == HostPort{"inside", 65535});
  CHECK(back.start.rack == "r1");
  CHECK(back.start.clean);
  CHECK(back.start.shards == 2);
  CHECK(back.start.metadata_version_max == 3);
  REQUIRE(back.findings.cut.size() == 2);
  CHECK(back.findings.cut[0].place == PartitionPlace{ids.topic, PartitionIndex{1}});
  CHECK(back.findings.cut[0].end.epoch == LeaderEpoch{4});
  CHECK(back.findings.cut[0].end.offset == Offset{10});
  CHECK(back.findings.cut[1].end.epoch == kNoLeaderEpoch);
  CHECK(back.findings.unopened == std::vector{PartitionPlace{ids.topic, PartitionIndex{5}}});
  REQUIRE(back.findings.damaged.size() == 2);
  CHECK(back.findings.damaged[0] == PartitionPlace{ids.topic, PartitionIndex{0}});

  RegisterRequest bare = full_registration();
  bare.start.advertised = bare.start.rpc = std::nullopt;
  bare.start.rack = std::nullopt;
  bare.findings = {};
  const RegisterRequest told = sent(bare);
  CHECK_FALSE(told.start.advertised);
  CHECK_FALSE(told.start.rpc);
  CHECK_FALSE(told.start.rack);
  CHECK(told.findings.cut.empty());
}

TEST_CASE("controller messages: every other request comes back equal", "[controller]") {
  const auto heartbeat = sent(HeartbeatRequest{.broker = BrokerId{2},
                                               .broker_epoch = 5,
                                               .shown_end = Offset{9},
                                               .wants_to_stop = true,
                                               .number = 42});
  CHECK(heartbeat.number == 42);
  CHECK(heartbeat.broker == BrokerId{2});
  CHECK(heartbeat.broker_epoch == 5);
  CHECK(heartbeat.shown_end == Offset{9});
  CHECK(heartbeat.wants_to_stop);

  const AlterIsrRequest isr = sent(isr_request());
  CHECK(isr.broker_epoch == 9);
  REQUIRE(isr.alterations.size() == 1);
  CHECK(isr.alterations[0].place == isr_request().alterations[0].place);
  CHECK(isr.alterations[0].leader_epoch == LeaderEpoch{2});
  CHECK(isr.alterations[0].partition_epoch == 8);
  REQUIRE(isr.alterations[0].isr.size() == 2);
  CHECK(isr.alterations[0].isr[0].broker_epoch == 9);
  CHECK(isr.alterations[0].isr[1].broker == BrokerId{0});
  CHECK(isr.alterations[0].isr[1].broker_epoch == -1);  // it stays, and was not heard

  CHECK(sent(ProducerIdsRequest{BrokerId{4}}).broker == BrokerId{4});
  CHECK(sent(AutoCreateRequest{{"a", ""}}).names == std::vector<std::string>{"a", ""});
  CHECK(sent(ForwardRequest{bytes_of("frame")}).frame == bytes_of("frame"));
  CHECK(sent(SafeToStopRequest{BrokerId{0}}).broker == BrokerId{0});
  CHECK(sent(DrainRequest{BrokerId{6}}).broker == BrokerId{6});

  const PartitionPlace place{Ids{}.topic, PartitionIndex{2}};
  const auto damage = sent(DamageRequest{BrokerId{3}, 7, {place}});
  CHECK(damage.broker_epoch == 7);
  CHECK(damage.places == std::vector{place});
  const auto stall = sent(StallRequest{BrokerId{3}, 8, {place}});
  CHECK(stall.broker == BrokerId{3});
  CHECK(stall.broker_epoch == 8);
  CHECK(stall.places == std::vector{place});
  const auto opened = sent(OpenedRequest{BrokerId{3}, 9, {place}});
  CHECK(opened.broker == BrokerId{3});
  CHECK(opened.broker_epoch == 9);
  CHECK(opened.places == std::vector{place});
}

TEST_CASE("controller messages: every reply comes back equal", "[controller]") {
  CHECK(answered(RegisterReply{12}).broker_epoch == 12);
  const auto heartbeat =
      answered(HeartbeatReply{.fenced = true, .may_stop = true, .vouched = {41, Offset{1000}}});
  CHECK(heartbeat.vouched == VouchedHeartbeat{41, Offset{1000}});
  CHECK(heartbeat.fenced);
  CHECK(heartbeat.may_stop);
  const auto isr = answered(AlterIsrReply{{{.outcome = {Errc::ineligible_replica, "it is fenced"},
                                            .at_fault = BrokerId{0},
                                            .partition_epoch = 3,
                                            .isr = {BrokerId{1}, BrokerId{0}},
                                            .leader_epoch = LeaderEpoch{7},
                                            .min_insync_replicas = 2},
                                           {}}});
  REQUIRE(isr.answers.size() == 2);
  CHECK(isr.answers[0].outcome.code == Errc::ineligible_replica);
  CHECK(isr.answers[0].outcome.message == "it is fenced");
  CHECK(isr.answers[0].at_fault == BrokerId{0});
  CHECK(isr.answers[0].isr == std::vector{BrokerId{1}, BrokerId{0}});
  CHECK(isr.answers[0].leader_epoch == LeaderEpoch{7});
  CHECK(isr.answers[0].min_insync_replicas == 2);
  CHECK(isr.answers[1].at_fault == kNoBroker);
  CHECK(answered(ProducerIdsReply{{ProducerId{5}, 6}}).block.count == 6);
  answered(AutoCreateReply{});
  CHECK(answered(ForwardReply{bytes_of("answer")}).frame == bytes_of("answer"));
  const StopAnswer stop = answered(stop_reply()).answer;
  CHECK(stop.unavailable == 2);
  CHECK(stop.below_min_insync == std::numeric_limits<std::int64_t>::max());
  REQUIRE(stop.partitions.size() == 2);
  CHECK(stop.partitions[0].topic == "a");
  CHECK(stop.partitions[0].partition == PartitionIndex{4});
  CHECK(stop.partitions[0].risk == StopRisk::below_min_insync);
  CHECK(stop.partitions[0].why == "few");
  CHECK(stop.partitions[1].risk == StopRisk::unavailable);
  CHECK(stop.quorum == "two of three");
  CHECK_FALSE(stop.is_safe());
  CHECK(answered(SafeToStopReply{}).answer.is_safe());
  const auto drain = answered(DrainReply{{Errc::invalid_replication_factor, "too few"}, 4});
  CHECK(drain.outcome.code == Errc::invalid_replication_factor);
  CHECK(drain.outcome.message == "too few");
  CHECK(drain.moving == 4);
}

// --- what no writer puts there, field by field as it lies on the wire

std::string varint(std::uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  return out + static_cast<char>(value);
}
std::string number(unsigned field, std::int64_t value) {
  return varint(field << 3) + varint(static_cast<std::uint64_t>(value));
}
std::string part(unsigned field, const std::string& content) {
  return varint(field << 3 | 2) + varint(content.size()) + content;
}

ErrorCode request_error(const std::string& message, const Attachments& attachments = {}) {
  const auto decoded = decode_controller_request(as_bytes(message), attachments);
  return decoded ? ErrorCode{} : decoded.error();
}
ErrorCode reply_error(const std::string& message, const Attachments& attachments = {}) {
  const auto decoded = decode_controller_reply(as_bytes(message), attachments);
  return decoded ? ErrorCode{} : decoded.error();
}

const ErrorCode kMalformed = make_error_code(Errc::malformed_frame);
const ErrorCode kNewer = make_error_code(Errc::unsupported_version);

TEST_CASE("controller messages: a kind of a newer program is told from damage", "[controller]") {
  CHECK(request_error("") == kNewer);
  CHECK(reply_error("") == kNewer);
  CHECK(request_error(part(100, "x")) == kNewer);
  CHECK(reply_error(number(1, 5) + part(100, "x")) == kNewer);
  CHECK(request_error("\xff\xff") == kMalformed);
  CHECK(reply_error(std::string(1, '\0')) == kMalformed);
  CHECK(reply_error(number(1, -1) + part(6, "")) == kMalformed);  // a negative offset
}

TEST_CASE("controller messages: a forwarded frame is the one attachment", "[controller]") {
  const std::vector<std::byte> frame = bytes_of("f");
  CHECK_FALSE(request_error(part(6, ""), {frame}));
  CHECK(request_error(part(6, "")) == kMalformed);
  CHECK(request_error(part(6, ""), {frame, frame}) == kMalformed);
  CHECK(request_error(part(6, ""), {ByteView{}}) == kMalformed);
  CHECK_FALSE(reply_error(part(7, ""), {frame}));
  CHECK(reply_error(part(7, "")) == kMalformed);
  CHECK(reply_error(part(7, ""), {frame, frame}) == kMalformed);
}

TEST_CASE("controller messages: values that no broker has are refused", "[controller]") {
  const std::string uuid(16, 'u');
  const std::string start = number(1, 3) + part(2, uuid) + part(3, uuid);
  REQUIRE_FALSE(request_error(part(1, start)));
  CHECK(request_error(part(1, start + number(1, -1))) == kMalformed);
  CHECK(request_error(part(1, start + part(2, "short"))) == kMalformed);
  CHECK(request_error(part(1, start + part(3, std::string(16, '\0')))) == kMalformed);
  CHECK(request_error(part(1, number(1, 3))) == kMalformed);
  CHECK(request_error(part(1, start + part(4, "h") + number(5, 65536))) == kMalformed);
  CHECK(request_error(part(1, start + part(6, "h") + number(7, 65536))) == kMalformed);
  CHECK(request_error(part(1, start + number(10, -1))) == kMalformed);
  CHECK(request_error(part(1, start + number(11, -1))) == kMalformed);
  const std::string place = part(1, uuid) + number(2, 1);
  CHECK_FALSE(request_error(part(1, start + part(12, part(1, place)) + part(13, place))));
  CHECK(request_error(part(1, start + part(12, part(1, place) + number(2, -1)))) == kMalformed);
  CHECK(request_error(part(1, start + part(12, part(1, place) + number(3, -1)))) == kMalformed);
  CHECK(request_error(part(1, start + part(13, part(1, uuid) + number(2, -1)))) == kMalformed);
  CHECK(request_error(part(1, start + part(13, number(2, 1)))) == kMalformed);

  CHECK(request_error(part(2, number(1, -1))) == kMalformed);
  CHECK(request_error(part(2, number(3, -1))) == kMalformed);
  const std::string alteration = part(1, place);
  CHECK_FALSE(request_error(part(3, part(3, alteration + part(4, "")))));
  CHECK(request_error(part(3, number(1, -1))) == kMalformed);
  CHECK(request_error(part(3, part(3, alteration + part(4, number(1, -1))))) == kMalformed);
  CHECK(request_error(part(3, part(3, alteration + part(4, number(2, -1))))) == kMalformed);
  for (const unsigned kind : {4U, 7U, 8U}) {
    CHECK_FALSE(request_error(part(kind, number(1, 1))));
    CHECK(request_error(part(kind, number(1, -1))) == kMalformed);
  }
}

TEST_CASE("controller messages: values that no controller answers are refused", "[controller]") {
  CHECK(reply_error(part(4, part(1, number(3, -1)))) == kMalformed);
  CHECK(reply_error(part(4, part(1, number(5, -1)))) == kMalformed);
  CHECK(reply_error(part(4, part(1, number(7, -1)))) == kMalformed);
  CHECK_FALSE(reply_error(part(5, number(2, 1))));
  CHECK(reply_error(part(5, number(1, 1))) == kMalformed);  // no ids at all
  CHECK(reply_error(part(5, number(1, -1) + number(2, 1))) == kMalformed);
  CHECK_FALSE(reply_error(part(8, part(5, number(3, 1)))));
  CHECK(reply_error(part(8, number(3, -1))) == kMalformed);
  CHECK(reply_error(part(8, number(4, -1))) == kMalformed);
  CHECK(reply_error(part(8, part(5, number(2, -1)))) == kMalformed);
  CHECK(reply_error(part(8, part(5, number(3, 2)))) == kMalformed);
  CHECK(reply_error(part(8, part(5, number(3, -1)))) == kMalformed);
  CHECK(reply_error(part(9, number(3, -1))) == kMalformed);
}

TEST_CASE("controller messages: no prefix of a message is taken for the whole of another",
          "[controller]") {
  const std::string whole = encode_controller_request(full_registration()).message;
  for (std::size_t cut = 0; cut < whole.size(); ++cut) CHECK(request_error(whole.substr(0, cut)));
  const std::string stop = encode_controller_reply({{}, stop_reply()}).message;
  for (std::size_t cut = 0; cut < stop.size(); ++cut) CHECK(reply_error(stop.substr(0, cut)));
}

}  // namespace
}  // namespace strandline
