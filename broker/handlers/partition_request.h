// The common form of requests that ask one small thing of each named partition: the answer has the
// request's topics and partitions, each filled in where the partition lives.
//
// Thread   the connection's shard; `work` runs on each partition's own
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "broker/handlers/call.h"
#include "broker/handlers/topic_lookup.h"
#include "broker/partition/partition.h"
#include "broker/partition/partitioned_op.h"

namespace strandline {

inline PartitionIndex index_of(PartitionIndex asked) { return asked; }
template <class Asked>
PartitionIndex index_of(const Asked& asked) {
  return asked.index;
}

struct PartitionRequestItem {
  std::size_t topic = 0;
  std::size_t partition = 0;
  PartitionKey key;
  bool refused = false;
};

// Work: void(Partition&, const asked partition&, answer partition&, std::function<void()> done);
// fills the answer, error_code above all, and calls done once.
template <class Request, class Response, class Work>
class PartitionRequestOp
    : public PartitionedOp<PartitionRequestOp<Request, Response, Work>, PartitionRequestItem> {
  using Base = PartitionedOp<PartitionRequestOp<Request, Response, Work>, PartitionRequestItem>;

 public:
  PartitionRequestOp(Call call, Request request, Work work)
      : Base(call.shard()),
        call_(std::move(call)),
        request_(std::move(request)),
        work_(std::move(work)) {}

  void start() {
    response_.topics.resize(request_.topics.size());
    for (std::size_t t = 0; t < request_.topics.size(); ++t) add_topic(t);
    this->scatter([](const PartitionRequestItem& item) { return !item.refused; });
  }

  ShardIndex shard_of(const PartitionRequestItem& item) const {
    return this->home().owner_of(item.key.topic_id, item.key.partition);
  }

  void run(Shard& shard, typename Base::Part& part, PartitionRequestItem& item) {
    auto& answer = response_.topics[item.topic].partitions[item.partition];
    Partition* partition = shard.partitions().find(item.key);
    if (partition == nullptr) {
      answer.error_code = shard.partitions().absent_error(item.key);
      return Base::item_done(part);
    }
    if (!partition->leads()) {
      answer.error_code = Errc::not_leader_or_follower;
      return Base::item_done(part);
    }
    work_(*partition, request_.topics[item.topic].partitions[item.partition], answer,
          [&part] { Base::item_done(part); });
  }

  void gathered() {
    for (const auto& topic : response_.topics) {
      for (const auto& partition : topic.partitions) {
        if (partition.error_code != Errc::ok) call_.count_error(partition.error_code);
      }
    }
    call_.answer(response_);
  }

 private:
  void add_topic(std::size_t t) {
    const auto& asked = request_.topics[t];
    auto& answer = response_.topics[t];
    const FoundTopic found = find_topic(this->home(), false, asked.name, Uuid{});
    answer.name = std::string{asked.name};
    answer.partitions.resize(asked.partitions.size());
    for (std::size_t p = 0; p < asked.partitions.size(); ++p) {
      PartitionRequestItem& item = this->items().emplace_back();
      const PartitionIndex index = index_of(asked.partitions[p]);
      answer.partitions[p].index = index;
      Errc error = found.error;
      if (error == Errc::ok) error = check_led_here(this->home(), *found.topic, index);
      answer.partitions[p].error_code = error;
      item = {.topic = t, .partition = p, .key = {}, .refused = error != Errc::ok};
      if (!item.refused) item.key = {found.topic->id, index};
    }
  }

  Call call_;
  Request request_;
  Work work_;
  Response response_;
};

template <class Request, class Response, class Work>
void run_on_partitions(Call call, Request request, Work work) {
  std::make_shared<PartitionRequestOp<Request, Response, Work>>(std::move(call), std::move(request),
                                                                std::move(work))
      ->start();
}

}  // namespace strandline
