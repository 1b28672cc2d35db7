#include "broker/controller/controller_messages.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "controller.pb.h"

namespace strandline {
namespace {

void put(const Uuid& from, std::string* to) {
  if (from.is_zero()) return;
  to->assign(reinterpret_cast<const char*>(from.bytes.data()), from.bytes.size());
}

Result<Uuid> take_uuid(const std::string& from) {
  Uuid id;
  if (from.size() != id.bytes.size()) return Errc::malformed_frame;
  std::copy_n(reinterpret_cast<const std::byte*>(from.data()), from.size(), id.bytes.begin());
  if (id.is_zero()) return Errc::malformed_frame;
  return id;
}

void put(const PartitionPlace& from, pb::PartitionPlace* to) {
  put(from.topic_id, to->mutable_topic_id());
  to->set_partition(from.partition.value());
}

Result<PartitionPlace> take(const pb::PartitionPlace& from) {
  PartitionPlace place;
  STRANDLINE_TRY(place.topic_id, take_uuid(from.topic_id()));
  if (from.partition() < 0) return Errc::malformed_frame;
  place.partition = PartitionIndex{from.partition()};
  return place;
}

Result<BrokerId> take_broker(std::int32_t from) {
  if (from < 0) return Errc::malformed_frame;
  return BrokerId{from};
}

Result<HostPort> take_address(const std::string& host, std::uint32_t port) {
  if (port > 65535) return Errc::malformed_frame;
  return HostPort{host, static_cast<std::uint16_t>(port)};
}

template <class Message>
bool parse(Message& message, ByteView bytes) {
  return bytes.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max()) &&
         message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

// --- requests

template <class Request, class Message>
void put_places(const Request& from, Message& to) {
  to.set_broker(from.broker.value());
  to.set_broker_epoch(from.broker_epoch);
  for (const PartitionPlace& place : from.places) put(place, to.add_places());
}

struct RequestWriter {
  ControllerFrame& frame;
  pb::ControllerRequest& out;

  void operator()(RegisterRequest& from) const {
    pb::RegisterRequest& to = *out.mutable_register_broker();
    const BrokerStart& start = from.start;
    to.set_broker(start.broker.value());
    put(start.incarnation, to.mutable_incarnation());
    put(start.directory, to.mutable_directory());
    if (start.advertised) {
      to.set_advertised_host(start.advertised->host);
      to.set_advertised_port(start.advertised->port);
    }
    if (start.rpc) {
      to.set_rpc_host(start.rpc->host);
      to.set_rpc_port(start.rpc->port);
    }
    if (start.rack) to.set_rack(*start.rack);
    to.set_clean(start.clean);
    to.set_shards(start.shards);
    to.set_metadata_version_max(start.metadata_version_max);
    for (const auto& [place, end] : from.findings.cut) {
      pb::CutLog& cut = *to.add_cut();
      put(place, cut.mutable_place());
      cut.set_last_epoch_plus_one(end.epoch.value() + 1);
      cut.set_end_offset(end.offset.value());
    }
    for (const PartitionPlace& place : from.findings.damaged) put(place, to.add_damaged());
    for (const PartitionPlace& place : from.findings.unopened) put(place, to.add_unopened());
  }
  void operator()(HeartbeatRequest& from) const {
    pb::HeartbeatRequest& to = *out.mutable_heartbeat();
    to.set_broker(from.broker.value());
    to.set_broker_epoch(from.broker_epoch);
    to.set_shown_end(from.shown_end.value());
    to.set_wants_to_stop(from.wants_to_stop);
    to.set_number(from.number);
  }
  void operator()(AlterIsrRequest& from) const {
    pb::AlterIsrRequest& to = *out.mutable_alter_isr();
    to.set_broker(from.broker.value());
    to.set_broker_epoch(from.broker_epoch);
    for (const IsrAlteration& alteration : from.alterations) {
      pb::IsrAlteration& one = *to.add_alterations();
      put(alteration.place, one.mutable_place());
      one.set_leader_epoch(alteration.leader_epoch.value());
      one.set_partition_epoch(alteration.partition_epoch);
      for (const auto& [broker, broker_epoch] : alteration.isr) {
        pb::IsrMember& member = *one.add_isr();
        member.set_broker(broker.value());
        member.set_broker_epoch_plus_one(broker_epoch + 1);
      }
    }
  }
  void operator()(ProducerIdsRequest& from) const {
    out.mutable_producer_ids()->set_broker(from.broker.value());
  }
  void operator()(AutoCreateRequest& from) const {
    pb::AutoCreateRequest& to = *out.mutable_auto_create();
    for (const std::string& name : from.names) to.add_names(name);
  }
  void operator()(DamageRequest& from) const { put_places(from, *out.mutable_damage()); }
  void operator()(StallRequest& from) const { put_places(from, *out.mutable_stall()); }
  void operator()(OpenedRequest& from) const { put_places(from, *out.mutable_opened()); }
  void operator()(ForwardRequest& from) const {
    out.mutable_forward();
    frame.attachment = std::move(from.frame);
  }
  void operator()(SafeToStopRequest& from) const {
    out.mutable_safe_to_stop()->set_broker(from.broker.value());
  }
  void operator()(DrainRequest& from) const {
    out.mutable_drain()->set_broker(from.broker.value());
  }
};

using Attachments = std::span<const ByteView>;

template <class Request, class Message>
Result<ControllerRequest> take_places(const Message& from) {
  Request to{.broker_epoch = from.broker_epoch()};
  STRANDLINE_TRY(to.broker, take_broker(from.broker()));
  for (const pb::PartitionPlace& named : from.places()) {
    STRANDLINE_TRY(const PartitionPlace place, take(named));
    to.places.push_back(place);
  }
  return ControllerRequest{std::move(to)};
}

// An empty one would be none when it is written again.
bool is_one_frame(Attachments attachments) {
  return attachments.size() == 1 && !attachments[0].empty();
}

Result<BrokerStart> take_start(const pb::RegisterRequest& from) {
  BrokerStart start{.clean = from.clean(),
                    .shards = from.shards(),
                    .metadata_version_max = from.metadata_version_max()};
  if (from.shards() < 0 || from.metadata_version_max() < 0) return Errc::malformed_frame;
  STRANDLINE_TRY(start.broker, take_broker(from.broker()));
  STRANDLINE_TRY(start.incarnation, take_uuid(from.incarnation()));
  STRANDLINE_TRY(start.directory, take_uuid(from.directory()));
  if (from.has_advertised_host()) {
    STRANDLINE_TRY(start.advertised, take_address(from.advertised_host(), from.advertised_port()));
  }
  if (from.has_rpc_host()) {
    STRANDLINE_TRY(start.rpc, take_address(from.rpc_host(), from.rpc_port()));
  }
  if (from.has_rack()) start.rack = from.rack();
  return start;
}

Result<ControllerRequest> take(const pb::RegisterRequest& from, Attachments) {
  RegisterRequest to;
  STRANDLINE_TRY(to.start, take_start(from));
  for (const pb::CutLog& cut : from.cut()) {
    if (cut.last_epoch_plus_one() < 0 || cut.end_offset() < 0) return Errc::malformed_frame;
    STRANDLINE_TRY(const PartitionPlace place, take(cut.place()));
    to.findings.cut.push_back(
        {place, {LeaderEpoch{cut.last_epoch_plus_one() - 1}, Offset{cut.end_offset()}}});
  }
  for (const pb::PartitionPlace& damaged : from.damaged()) {
    STRANDLINE_TRY(const PartitionPlace place, take(damaged));
    to.findings.damaged.push_back(place);
  }
  for (const pb::PartitionPlace& unopened : from.unopened()) {
    STRANDLINE_TRY(const PartitionPlace place, take(unopened));
    to.findings.unopened.push_back(place);
  }
  return ControllerRequest{std::move(to)};
}

Result<ControllerRequest> take(const pb::HeartbeatRequest& from, Attachments) {
  if (from.shown_end() < 0) return Errc::malformed_frame;
  HeartbeatRequest to{.broker_epoch = from.broker_epoch(),
                      .shown_end = Offset{from.shown_end()},
                      .wants_to_stop = from.wants_to_stop(),
                      .number = from.number()};
  STRANDLINE_TRY(to.broker, take_broker(from.broker()));
  return ControllerRequest{to};
}

Result<ControllerRequest> take(const pb::AlterIsrRequest& from, Attachments) {
  AlterIsrRequest to{.broker_epoch = from.broker_epoch()};
  STRANDLINE_TRY(to.broker, take_broker(from.broker()));
  for (const pb::IsrAlteration& one : from.alterations()) {
    IsrAlteration alteration{.leader_epoch = LeaderEpoch{one.leader_epoch()},
                             .partition_epoch = one.partition_epoch()};
    STRANDLINE_TRY(alteration.place, take(one.place()));
    for (const pb::IsrMember& member : one.isr()) {
      if (member.broker_epoch_plus_one() < 0) return Errc::malformed_frame;
      STRANDLINE_TRY(const BrokerId broker, take_broker(member.broker()));
      alteration.isr.push_back({broker, member.broker_epoch_plus_one() - 1});
    }
    to.alterations.push_back(std::move(alteration));
  }
  return ControllerRequest{std::move(to)};
}

Result<ControllerRequest> take(const pb::ProducerIdsRequest& from, Attachments) {
  ProducerIdsRequest to;
  STRANDLINE_TRY(to.broker, take_broker(from.broker()));
  return ControllerRequest{to};
}

Result<ControllerRequest> take(const pb::AutoCreateRequest& from, Attachments) {
  return ControllerRequest{
      AutoCreateRequest{std::vector<std::string>{from.names().begin(), from.names().end()}}};
}

Result<ControllerRequest> take(const pb::ForwardRequest&, Attachments attachments) {
  if (!is_one_frame(attachments)) return Errc::malformed_frame;
  return ControllerRequest{ForwardRequest{{attachments[0].begin(), attachments[0].end()}}};
}

Result<ControllerRequest> take(const pb::SafeToStopRequest& from, Attachments) {
  SafeToStopRequest to;
  STRANDLINE_TRY(to.broker, take_broker(from.broker()));
  return ControllerRequest{to};
}

Result<ControllerRequest> take(const pb::DrainRequest& from, Attachments) {
  DrainRequest to;
  STRANDLINE_TRY(to.broker, take_broker(from.broker()));
  return ControllerRequest{to};
}

// --- replies

struct ReplyWriter {
  ControllerFrame& frame;
  pb::ControllerReply& out;

  void operator()(RegisterReply& from) const {
    out.mutable_register_broker()->set_broker_epoch(from.broker_epoch);
  }
  void operator()(HeartbeatReply& from) const {
    pb::HeartbeatReply& to = *out.mutable_heartbeat();
    to.set_fenced(from.fenced);
    to.set_may_stop(from.may_stop);
    to.set_vouched_number(from.vouched.number);
    to.set_vouched_end(from.vouched.metadata_end.value());
  }
  void operator()(AlterIsrReply& from) const {
    pb::AlterIsrReply& to = *out.mutable_alter_isr();
    for (const AlterIsrReply::Answer& answer : from.answers) {
      pb::IsrAnswer& one = *to.add_answers();
      one.set_code(static_cast<std::int32_t>(answer.outcome.code));
      one.set_text(answer.outcome.message);
      one.set_at_fault_plus_one(answer.at_fault.value() + 1);
      one.set_partition_epoch(answer.partition_epoch);
      for (const BrokerId broker : answer.isr) one.add_isr(broker.value());
      one.set_leader_epoch(answer.leader_epoch.value());
      one.set_min_insync_replicas(answer.min_insync_replicas);
    }
  }
  void operator()(ProducerIdsReply& from) const {
    out.mutable_producer_ids()->set_first(from.block.first.value());
    out.mutable_producer_ids()->set_count(from.block.count);
  }
  void operator()(AutoCreateReply&) const { out.mutable_auto_create(); }
  void operator()(DamageReply&) const { out.mutable_damage(); }
  void operator()(StallReply&) const { out.mutable_stall(); }
  void operator()(OpenedReply&) const { out.mutable_opened(); }
  void operator()(ForwardReply& from) const {
    out.mutable_forward();
    frame.attachment = std::move(from.frame);
  }
  void operator()(SafeToStopReply& from) const {
    pb::SafeToStopReply& to = *out.mutable_safe_to_stop();
    to.set_code(static_cast<std::int32_t>(from.answer.outcome.code));
    to.set_text(from.answer.outcome.message);
    to.set_unavailable(from.answer.unavailable);
    to.set_below_min_insync(from.answer.below_min_insync);
    for (const PartitionAtRisk& partition : from.answer.partitions) {
      pb::PartitionAtRisk& one = *to.add_partitions();
      one.set_topic(partition.topic);
      one.set_partition(partition.partition.value());
      one.set_risk(static_cast<std::int32_t>(partition.risk));
      one.set_why(partition.why);
    }
    to.set_quorum(from.answer.quorum);
  }
  void operator()(DrainReply& from) const {
    pb::DrainReply& to = *out.mutable_drain();
    to.set_code(static_cast<std::int32_t>(from.outcome.code));
    to.set_text(from.outcome.message);
    to.set_moving(from.moving);
  }
};

Result<AlterIsrReply::Answer> take(const pb::IsrAnswer& from) {
  if (from.at_fault_plus_one() < 0 || from.min_insync_replicas() < 0) return Errc::malformed_frame;
  AlterIsrReply::Answer to{
      .outcome = {static_cast<Errc>(from.code()), from.text()},
      .at_fault = BrokerId{from.at_fault_plus_one() - 1},
      .partition_epoch = from.partition_epoch(),
      .isr = {},
      .leader_epoch = LeaderEpoch{from.leader_epoch()},
      .min_insync_replicas = from.min_insync_replicas(),
  };
  for (const std::int32_t broker : from.isr()) {
    STRANDLINE_TRY(const BrokerId id, take_broker(broker));
    to.isr.push_back(id);
  }
  return to;
}

Result<SafeToStopReply> take(const pb::SafeToStopReply& from) {
  if (from.unavailable() < 0 || from.below_min_insync() < 0) return Errc::malformed_frame;
  SafeToStopReply to{{.outcome = {static_cast<Errc>(from.code()), from.text()},
                      .unavailable = from.unavailable(),
                      .below_min_insync = from.below_min_insync(),
                      .partitions = {},
                      .quorum = from.quorum()}};
  for (const pb::PartitionAtRisk& one : from.partitions()) {
    const bool is_known = one.risk() == static_cast<std::int32_t>(StopRisk::unavailable) ||
                          one.risk() == static_cast<std::int32_t>(StopRisk::below_min_insync);
    if (!is_known || one.partition() < 0) return Errc::malformed_frame;
    to.answer.partitions.push_back({.topic = one.topic(),
                                    .partition = PartitionIndex{one.partition()},
                                    .risk = static_cast<StopRisk>(one.risk()),
                                    .why = one.why()});
  }
  return to;
}

Result<ControllerAnswer> take_answer(const pb::ControllerReply& in, Attachments attachments) {
  switch (in.kind_case()) {
    case pb::ControllerReply::kRegisterBroker:
      return ControllerAnswer{RegisterReply{in.register_broker().broker_epoch()}};
    case pb::ControllerReply::kHeartbeat:
      if (in.heartbeat().vouched_end() < 0) return Errc::malformed_frame;
      return ControllerAnswer{HeartbeatReply{
          .fenced = in.heartbeat().fenced(),
          .may_stop = in.heartbeat().may_stop(),
          .vouched = {in.heartbeat().vouched_number(), Offset{in.heartbeat().vouched_end()}}}};
    case pb::ControllerReply::kAlterIsr: {
      AlterIsrReply reply;
      for (const pb::IsrAnswer& one : in.alter_isr().answers()) {
        STRANDLINE_TRY(AlterIsrReply::Answer answer, take(one));
        reply.answers.push_back(std::move(answer));
      }
      return ControllerAnswer{std::move(reply)};
    }
    case pb::ControllerReply::kProducerIds:
      if (in.producer_ids().first() < 0 || in.producer_ids().count() <= 0) {
        return Errc::malformed_frame;
      }
      return ControllerAnswer{
          ProducerIdsReply{{ProducerId{in.producer_ids().first()}, in.producer_ids().count()}}};
    case pb::ControllerReply::kAutoCreate: return ControllerAnswer{AutoCreateReply{}};
    case pb::ControllerReply::kForward:
      if (!is_one_frame(attachments)) return Errc::malformed_frame;
      return ControllerAnswer{ForwardReply{{attachments[0].begin(), attachments[0].end()}}};
    case pb::ControllerReply::kSafeToStop: {
      STRANDLINE_TRY(SafeToStopReply reply, take(in.safe_to_stop()));
      return ControllerAnswer{std::move(reply)};
    }
    case pb::ControllerReply::kDrain:
      if (in.drain().moving() < 0) return Errc::malformed_frame;
      return ControllerAnswer{DrainReply{{static_cast<Errc>(in.drain().code()), in.drain().text()},
                                         in.drain().moving()}};
    case pb::ControllerReply::kDamage: return ControllerAnswer{DamageReply{}};
    case pb::ControllerReply::kStall: return ControllerAnswer{StallReply{}};
    case pb::ControllerReply::kOpened: return ControllerAnswer{OpenedReply{}};
    case pb::ControllerReply::KIND_NOT_SET: break;
  }
  return Errc::unsupported_version;
}

}  // namespace

ControllerFrame encode_controller_request(ControllerRequest request) {
  ControllerFrame frame;
  pb::ControllerRequest out;
  std::visit(RequestWriter{frame, out}, request);
  frame.message = out.SerializeAsString();
  return frame;
}

ControllerFrame encode_controller_reply(ControllerReply reply) {
  ControllerFrame frame;
  pb::ControllerReply out;
  out.set_metadata_end(reply.metadata_end.value());
  std::visit(ReplyWriter{frame, out}, reply.answer);
  frame.message = out.SerializeAsString();
  return frame;
}

Result<ControllerRequest> decode_controller_request(ByteView message, Attachments attachments) {
  pb::ControllerRequest in;
  if (!parse(in, message)) return Errc::malformed_frame;
  switch (in.kind_case()) {
    case pb::ControllerRequest::kRegisterBroker: return take(in.register_broker(), attachments);
    case pb::ControllerRequest::kHeartbeat: return take(in.heartbeat(), attachments);
    case pb::ControllerRequest::kAlterIsr: return take(in.alter_isr(), attachments);
    case pb::ControllerRequest::kProducerIds: return take(in.producer_ids(), attachments);
    case pb::ControllerRequest::kAutoCreate: return take(in.auto_create(), attachments);
    case pb::ControllerRequest::kForward: return take(in.forward(), attachments);
    case pb::ControllerRequest::kSafeToStop: return take(in.safe_to_stop(), attachments);
    case pb::ControllerRequest::kDrain: return take(in.drain(), attachments);
    case pb::ControllerRequest::kDamage: return take_places<DamageRequest>(in.damage());
    case pb::ControllerRequest::kStall: return take_places<StallRequest>(in.stall());
    case pb::ControllerRequest::kOpened: return take_places<OpenedRequest>(in.opened());
    case pb::ControllerRequest::KIND_NOT_SET: break;
  }
  return Errc::unsupported_version;
}

Result<ControllerReply> decode_controller_reply(ByteView message, Attachments attachments) {
  pb::ControllerReply in;
  if (!parse(in, message) || in.metadata_end() < 0) return Errc::malformed_frame;
  ControllerReply reply{.metadata_end = Offset{in.metadata_end()}, .answer = {}};
  STRANDLINE_TRY(reply.answer, take_answer(in, attachments));
  return reply;
}

}  // namespace strandline
