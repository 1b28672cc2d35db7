#include "tests/sim/cluster/clients.h"

#include <algorithm>
#include <array>
#include <utility>

#include "broker/partition/leader_role.h"
#include "protocol/base/bytes.h"
#include "protocol/base/errc.h"
#include "protocol/record/builder.h"
#include "tests/sim/cluster/sim_broker.h"

namespace strandline::cluster_sim {
namespace {

constexpr Duration kRequestMax = std::chrono::milliseconds{1500};

// Nothing can be missing where everything is acknowledged: whoever hears this has lost something.
bool is_of_lost_records(const ErrorCode& error) {
  return error == make_error_code(Errc::out_of_order_sequence_number) ||
         error == make_error_code(Errc::unknown_producer_id) ||
         error == make_error_code(Errc::invalid_producer_epoch);
}

}  // namespace

Clients::Clients(World& world, Checker& checker, const Options& options)
    : world_(world), checker_(checker), options_(options) {
  const int all = options.producers + options.lax_producers;
  for (int i = 0; i < all; ++i) {
    producers_.push_back({.index = static_cast<std::size_t>(i),
                          .acks_all = i < options.producers,
                          .partition = PartitionIndex{i % options.partitions},
                          .id = ProducerId{++ids_}});
    if (!producers_.back().acks_all) checker_.note_lax(producers_.back().id);
  }
}

void Clients::start(const Uuid& topic_id) {
  topic_id_ = topic_id;
  for (Producer& producer : producers_) think(producer);
  read_some();
}

bool Clients::all_answered() const {
  return std::ranges::none_of(producers_, [](const Producer& p) { return p.pending.has_value(); });
}

void Clients::produce_once() {
  for (int partition = 0; partition < options_.partitions; ++partition) {
    Producer& producer = producers_[static_cast<std::size_t>(partition)];
    make_batch(producer);
    send(producer);
  }
}

// As the metadata of some broker says, which may be behind.
int Clients::find_leader(PartitionIndex partition) {
  std::vector<Host*> serving;
  for (const auto& host : world_.hosts()) {
    if (host->is_up() && !host->paused && host->broker->is_serving()) serving.push_back(host.get());
  }
  if (serving.empty()) return 0;
  Host& asked = *serving[world_.prng().below(serving.size())];
  const auto image = asked.broker->shard().image();
  const PartitionImage* const found = image->partition(options_.topic, partition);
  return found == nullptr || found->leader == kNoBroker ? 0 : found->leader.value();
}

void Clients::think(Producer& producer) {
  if (!producing_) return;
  producer.is_thinking = true;
  world_.after(world_.between_us(1000, options_.think_ms_max * 1000), [this, i = producer.index] {
    Producer& then = producers_[i];
    then.is_thinking = false;
    if (!producing_ || then.pending) return;
    make_batch(then);
    send(then);
  });
}

void Clients::make_batch(Producer& producer) {
  BatchBuilder builder;
  const auto records = static_cast<std::int32_t>(1 + world_.prng().below(3));
  std::array<std::byte, 40> value{};
  store_be(value.data(), ++batches_);
  for (std::int32_t i = 0; i < records; ++i) {
    builder.append({.value = ByteView{value}, .timestamp = Timestamp{1'790'000'000'000 + i}});
  }
  auto bytes = std::make_shared<std::vector<std::byte>>();
  builder.build({.producer_id = producer.id,
                 .producer_epoch = ProducerEpoch{0},
                 .base_sequence = producer.next},
                compressor_, *bytes);
  producer.pending = Pending{std::move(bytes), records};
}

void Clients::send_again(Producer& producer, Duration wait) {
  ++stats_.retried;
  producer.leader = 0;
  world_.after(wait, [this, i = producer.index, attempt = producer.attempt] {
    if (producers_[i].attempt == attempt) send(producers_[i]);
  });
}

void Clients::send(Producer& producer) {
  ++stats_.sent;
  const std::uint64_t attempt = ++producer.attempt;
  if (producer.leader == 0) producer.leader = find_leader(producer.partition);
  if (producer.leader == 0) return send_again(producer, world_.between_us(20'000, 80'000));
  Host& host = world_.host(producer.leader);
  if (!host.is_up()) return send_again(producer, world_.between_us(5000, 60'000));
  world_.at_host(host, world_.now() + world_.network().latency(),
                 [this, &host, i = producer.index, attempt] { serve(host, i, attempt); });
  world_.after(kRequestMax, [this, i = producer.index, attempt] {
    if (producers_[i].attempt != attempt || !producers_[i].pending) return;
    ++stats_.timed_out;
    send_again(producers_[i], Duration{0});
  });
}

// What the handler of a produce request does with one batch.
void Clients::serve(Host& host, std::size_t index, std::uint64_t attempt) {
  const Producer& producer = producers_[index];
  if (producer.attempt != attempt || !producer.pending) return;
  Shard& shard = host.broker->shard();
  const PartitionKey place = place_of(producer.partition);
  Partition* const partition = shard.partitions().find(place);
  const Errc refusal = partition == nullptr ? shard.partitions().absent_error(place)
                                            : partition->may_append(producer.acks_all);
  if (refusal != Errc::ok) return answer(index, attempt, {.error = make_error_code(refusal)});
  // Patched where it lies; the producer may have to send it again as it was.
  auto bytes = std::make_shared<std::vector<std::byte>>(*producer.pending->bytes);
  const BatchHeader header = parse_batch_header(*bytes).value();
  const LeaderEpoch epoch = partition->leader_epoch();
  const auto appended = [this, index, attempt, place, partition, header, epoch, bytes, by = host.id,
                         acks_all = producer.acks_all](const Result<PartitionAppend>& result) {
    if (!result) {
      const ErrorCode error = told_to_producer(*partition, header, result.error());
      return answer(index, attempt, {.error = error, .leader_epoch = epoch});
    }
    const Answer there{.error = {},
                       .base_offset = result.value().base_offset,
                       .end = result.value().end_offset,
                       .leader_epoch = epoch};
    if (!acks_all) return answer(index, attempt, there);
    partition->when_committed(
        there.end, [this, index, attempt, place, header, there, by](const ErrorCode& error) {
          Answer told = there;
          told.error = error;
          if (!error) {
            const Offset end = there.base_offset + (header.last_offset_delta + 1);
            checker_.on_saying_acked({.place = place,
                                      .producer = header.producer_id,
                                      .sequence = header.base_sequence,
                                      .base_offset = there.base_offset,
                                      .end = end,
                                      .leader_epoch = there.leader_epoch,
                                      .said_by = by});
          }
          answer(index, attempt, told);
        });
  };
  partition->append(*bytes, header, appended);
}

void Clients::answer(std::size_t index, std::uint64_t attempt, const Answer& answer) {
  if (World::now_running().current()->leaving) return;
  world_.after(world_.network().latency(), [this, index, attempt, answer] {
    Producer& producer = producers_[index];
    if (producer.attempt == attempt && producer.pending) take(producer, answer);
  });
}

void Clients::take(Producer& producer, const Answer& answer) {
  if (answer.error) {
    ++stats_.refused;
    if (!is_of_lost_records(answer.error)) {
      return send_again(producer, world_.between_us(5000, 80'000));
    }
    if (producer.acks_all) {
      throw Violation{"producer " + std::to_string(producer.id.value()) +
                      " is told of a gap: " + answer.error.message() + ", at sequence " +
                      std::to_string(producer.next.value())};
    }
    // What it was acknowledged with acks=1 is lost: it begins anew.
    ++stats_.producers_begun_anew;
    producer.id = ProducerId{++ids_};
    checker_.note_lax(producer.id);
    producer.next = Sequence{0};
    producer.pending.reset();
    ++producer.attempt;
    return think(producer);
  }
  ++(producer.acks_all ? stats_.acked : stats_.acked_lax);
  if (producer.acks_all) {
    checker_.on_acked({.place = place_of(producer.partition),
                       .producer = producer.id,
                       .sequence = producer.next,
                       .base_offset = answer.base_offset,
                       .end = answer.base_offset + producer.pending->records,
                       .leader_epoch = answer.leader_epoch});
  }
  producer.next = Sequence{producer.next.value() + producer.pending->records};
  producer.pending.reset();
  ++producer.attempt;
  think(producer);
}

// --- readers

void Clients::read_some() {
  world_.after(world_.between_us(5000, 50'000), [this] {
    const PartitionIndex partition{static_cast<std::int32_t>(
        world_.prng().below(static_cast<std::uint64_t>(options_.partitions)))};
    const int leader = find_leader(partition);
    if (leader != 0 && world_.host(leader).is_up()) {
      Host& host = world_.host(leader);
      const Offset acked = checker_.acked_end(place_of(partition));
      world_.at_host(host, world_.now() + world_.network().latency(),
                     [this, &host, partition, acked] { serve_read(host, partition, acked); });
    }
    read_some();
  });
}

void Clients::serve_read(Host& host, PartitionIndex index, Offset acked_before) {
  const PartitionKey place = place_of(index);
  const Partition* const partition = host.broker->shard().partitions().find(place);
  if (partition == nullptr || !partition->leads() || !partition->may_serve_readers()) return;
  ++stats_.reads;
  checker_.on_read(place, partition->leader()->core().leader_epoch(),
                   partition->bounds().high_watermark, acked_before);
  // As a fetch at the end of the log hears it.
  const Offset end = partition->bounds().high_watermark;
  const auto word = partition->leader()->time_statement(end);
  if (!word) return;
  const auto stated = world_.when_wall_was(host, word->broker_time);
  if (!stated) throw Violation{"a leader states a time that its clock has not shown"};
  checker_.on_statement(place, word->log_end_offset, *stated);
}

}  // namespace strandline::cluster_sim
