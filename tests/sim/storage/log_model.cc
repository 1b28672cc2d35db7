#include "tests/sim/storage/log_model.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "protocol/base/errc.h"

namespace strandline::sim {
namespace {

std::string text(Offset offset) { return std::to_string(offset.value()); }

bool same_bytes(const std::vector<std::byte>& a, ByteView b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin());
}

}  // namespace

std::vector<ModelBatch> split_batches(ByteView bytes) {
  std::vector<ModelBatch> batches;
  while (!bytes.empty()) {
    const auto header = parse_batch(bytes);
    if (header.has_error()) {
      throw Violation{"bytes that were read are no batch: " + header.error().message()};
    }
    const ByteView batch = bytes.first(header.value().size_bytes());
    if (!batch_crc_matches(batch)) {
      throw Violation{"a damaged batch was served at offset " + text(header.value().base_offset)};
    }
    batches.push_back({header.value(), {batch.begin(), batch.end()}, kNoTimestamp});
    bytes = bytes.subspan(batch.size());
  }
  return batches;
}

Offset LogModel::end() const {
  return batches_.empty() ? Offset{0} : batches_.back().header.next_offset();
}

void LogModel::promise(Offset end_offset) {
  if (end_offset > end()) throw Violation{"more was flushed than appended"};
  promised_ = std::max(promised_, end_offset);
}

void LogModel::append(ModelBatch batch) {
  if (batch.header.base_offset != end()) {
    throw Violation{"appended at " + text(batch.header.base_offset) + ", expected " + text(end())};
  }
  batches_.push_back(std::move(batch));
}

void LogModel::truncate(Offset offset) {
  promised_ = std::min(promised_, offset);
  while (!batches_.empty() && batches_.back().header.base_offset >= offset) {
    old_tails_.push_back(std::move(batches_.back()));
    batches_.pop_back();
  }
}

bool LogModel::is_known(const ModelBatch& batch) const {
  const auto is_it = [&](const ModelBatch& known) { return same_bytes(known.bytes, batch.bytes); };
  if (const ModelBatch* here = find(batch.header.base_offset); here != nullptr && is_it(*here)) {
    return true;
  }
  return std::ranges::any_of(in_flight_, is_it) || std::ranges::any_of(old_tails_, is_it);
}

void LogModel::recover(const std::vector<ModelBatch>& recovered, Offset log_start, Offset log_end) {
  if (log_end < promised_) {
    throw Violation{"acknowledged records are lost: promised up to " + text(promised_) +
                    ", the log ends at " + text(log_end)};
  }
  Offset next = recovered.empty() ? log_end : recovered.front().header.base_offset;
  if (next > log_start) {
    throw Violation{"the log starts at " + text(log_start) + ", its first batch at " + text(next)};
  }
  while (!batches_.empty() && batches_.back().header.next_offset() > log_end) batches_.pop_back();
  for (const ModelBatch& batch : recovered) {
    const Offset base = batch.header.base_offset;
    if (base != next) throw Violation{"hole in the log: " + text(next) + " to " + text(base)};
    next = batch.header.next_offset();
    const ModelBatch* here = find(base);
    if (here != nullptr && same_bytes(here->bytes, batch.bytes)) continue;
    if (base < promised_) throw Violation{"an acknowledged batch changed at offset " + text(base)};
    if (!is_known(batch)) throw Violation{"a batch nobody appended at offset " + text(base)};
    while (end() > base) batches_.pop_back();  // an older or the interrupted one is here instead
    append(batch);
  }
  if (next != log_end) {
    throw Violation{"the log says it ends at " + text(log_end) + ", its batches at " + text(next)};
  }
  if (end() != log_end) throw Violation{"the log ends inside a batch, at " + text(log_end)};
  old_tails_.clear();
  in_flight_.clear();
  promised_ = log_end;  // recovery synced it
}

void LogModel::check_read(Offset from, ByteView bytes) const {
  Offset next = from;
  for (const ModelBatch& batch : split_batches(bytes)) {
    const Offset base = batch.header.base_offset;
    const bool first = next == from;
    if (first ? (base > from || batch.header.next_offset() <= from) : base != next) {
      throw Violation{"a read from " + text(from) + " returned a batch at " + text(base)};
    }
    const ModelBatch* here = find(base);
    if (here == nullptr || !same_bytes(here->bytes, batch.bytes)) {
      throw Violation{"a read returned other bytes than were appended at " + text(base)};
    }
    next = batch.header.next_offset();
  }
}

void LogModel::check_unique() const {
  std::set<std::tuple<ProducerId, ProducerEpoch, Sequence>> seen;
  for (const ModelBatch& batch : batches_) {
    const BatchHeader& header = batch.header;
    if (!header.has_producer()) continue;
    if (!seen.emplace(header.producer_id, header.producer_epoch, header.base_sequence).second) {
      throw Violation{"a producer's batch is there twice, again at " + text(header.base_offset)};
    }
  }
}

const ModelBatch* LogModel::find(Offset offset) const {
  const auto after = std::upper_bound(
      batches_.begin(), batches_.end(), offset,
      [](Offset wanted, const ModelBatch& batch) { return wanted < batch.header.base_offset; });
  if (after == batches_.begin()) return nullptr;
  const ModelBatch& batch = *(after - 1);
  return offset < batch.header.next_offset() ? &batch : nullptr;
}

std::vector<Offset> LogModel::boundaries(Offset start) const {
  std::vector<Offset> all;
  for (const ModelBatch& batch : batches_) {
    if (batch.header.base_offset >= start) all.push_back(batch.header.base_offset);
  }
  all.push_back(end());
  return all;
}

ProducerState LogModel::replay_producers() const {
  ProducerState state;
  for (const ModelBatch& batch : batches_) state.update(batch.header, batch.append_time);
  return state;
}

}  // namespace strandline::sim
