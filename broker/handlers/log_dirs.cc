// DescribeLogDirs (35): the one data directory, and how much of it each partition takes.
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "broker/handlers/admin_requests.h"
#include "broker/partition/partition.h"
#include "broker/partition/partitioned_op.h"
#include "protocol/wire/messages/describe_log_dirs.h"

namespace strandline {
namespace {

struct LogDirItem {
  std::string topic;
  PartitionKey key;
  bool found = false;
  std::int64_t size_bytes = 0;
};

class LogDirsOp : public PartitionedOp<LogDirsOp, LogDirItem> {
 public:
  LogDirsOp(Call call, Services& services)
      : PartitionedOp(call.shard()), call_(std::move(call)), services_(services) {}

  void start(const wire::DescribeLogDirsRequest& request) {
    const MetadataImage& image = *home().image();
    if (!request.topics) {
      for (const TopicPtr& topic : image.topics_sorted()) {
        for (std::size_t i = 0; i < topic->partitions.size(); ++i) {
          add(*topic, PartitionIndex{static_cast<std::int32_t>(i)});
        }
      }
    } else {
      for (const auto& asked : *request.topics) {
        const TopicPtr topic = image.topic(asked.name);
        if (topic == nullptr) continue;
        for (const PartitionIndex index :
             std::set<PartitionIndex>(asked.partitions.begin(), asked.partitions.end())) {
          add(*topic, index);
        }
      }
    }
    scatter();
  }

  ShardIndex shard_of(const LogDirItem& item) const {
    return home().owner_of(item.key.topic_id, item.key.partition);
  }

  void run(Shard& shard, Part& part, LogDirItem& item) {
    if (Partition* partition = shard.partitions().find(item.key)) {
      item.found = true;
      item.size_bytes = static_cast<std::int64_t>(partition->sizes().bytes);
    }
    item_done(part);
  }

  void gathered() {
    wire::DescribeLogDirsResponse response;
    auto& directory = response.log_dirs.emplace_back();
    directory.path = services_.data_path;
    if (const auto space = services_.disk.space()) {
      directory.total_bytes = static_cast<std::int64_t>(space.value().total_bytes);
      directory.usable_bytes = static_cast<std::int64_t>(space.value().available_bytes);
    }
    std::map<std::string, std::size_t> places;
    for (const LogDirItem& item : items()) {
      if (!item.found) continue;
      const auto [place, is_new] = places.emplace(item.topic, directory.topics.size());
      if (is_new) directory.topics.emplace_back().name = item.topic;
      directory.topics[place->second].partitions.push_back(
          {.index = item.key.partition, .size_bytes = item.size_bytes});
    }
    call_.answer(response);
  }

 private:
  void add(const TopicImage& topic, PartitionIndex index) {
    items().push_back({.topic = topic.name, .key = {topic.id, index}});
  }

  Call call_;
  Services& services_;
};

}  // namespace

void handle_describe_log_dirs(Call call, Services& services) {
  const auto request = call.decode<wire::DescribeLogDirsRequest>();
  if (!request) return;
  std::make_shared<LogDirsOp>(std::move(call), services)->start(*request);
}

}  // namespace strandline
