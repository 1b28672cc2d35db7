// The log of one partition as a leader keeps it, with what it remembers of producers (KIP-98: the
// last five batches of each), for brokers that a test plays by itself.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "protocol/base/errc.h"
#include "protocol/record/builder.h"
#include "protocol/record/records.h"

namespace strandline::client {

inline std::vector<std::string> values_of(ByteView batch) {
  Decompressor decompressor;
  std::vector<std::string> values;
  const auto walked = for_each_record(
      batch, decompressor, std::size_t{64} << 20,
      [&](const RecordView& record) { values.emplace_back(as_text(*record.value)); });
  if (!walked) values.assign(1, "damaged");
  return values;
}

class ScriptedLog {
 public:
  struct Appended {
    Errc error = Errc::ok;
    Offset base_offset = kNoOffset;
  };

  Appended append(const BatchHeader& header, const std::vector<std::string>& records) {
    if (!header.has_producer()) return add(records);
    Producer& known = producers_[header.producer_id];
    const Sequence first = header.base_sequence;
    const Sequence last = header.last_sequence();
    const bool is_new = known.batches.empty();
    if (!is_new && header.producer_epoch < known.epoch) return {Errc::invalid_producer_epoch};
    if (!is_new && header.producer_epoch == known.epoch) {
      for (const Batch& batch : known.batches) {
        if (batch.first == first && batch.last == last) return {Errc::ok, batch.base_offset};
      }
      if (first != sequence_after(known.batches.back().last, 1)) {
        return {Errc::out_of_order_sequence_number};
      }
    }
    if (!is_new && header.producer_epoch > known.epoch) {
      if (first != Sequence{0}) return {Errc::out_of_order_sequence_number};
      known.batches.clear();
    }
    known.epoch = header.producer_epoch;
    const Appended appended = add(records);
    known.batches.push_back({first, last, appended.base_offset});
    if (known.batches.size() > 5) known.batches.pop_front();
    return appended;
  }

  // Loses its newest records, and what it knew of producers, as an unclean election does.
  void forget_producers() { producers_.clear(); }
  // Takes it that a producer is further than it is: whatever it sends next leaves a gap.
  void lose_sequences(ProducerId producer) {
    for (Batch& batch : producers_[producer].batches) batch.last = sequence_after(batch.last, 1000);
  }

  const std::vector<std::string>& values() const { return values_; }

 private:
  struct Batch {
    Sequence first;
    Sequence last;
    Offset base_offset;
  };
  struct Producer {
    ProducerEpoch epoch{};
    std::deque<Batch> batches;
  };

  Appended add(const std::vector<std::string>& records) {
    const Offset base{static_cast<std::int64_t>(values_.size())};
    values_.insert(values_.end(), records.begin(), records.end());
    return {Errc::ok, base};
  }

  std::vector<std::string> values_;
  std::map<ProducerId, Producer> producers_;
};

}  // namespace strandline::client
