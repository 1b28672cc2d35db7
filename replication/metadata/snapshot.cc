#include "replication/metadata/snapshot.h"

#include <utility>

#include "protocol/base/errc.h"
#include "protocol/base/hash.h"

namespace strandline {
namespace {

// magic, version, cluster id, end offset, record count, epoch, four zero bytes, checksum. Version 1
// had no epoch: its logs knew only one, 0.
constexpr std::string_view kMagic = "SLMETA";
constexpr std::uint16_t kVersion = 2;
constexpr std::size_t kVersionAt = 6;
constexpr std::size_t kClusterAt = 8;
constexpr std::size_t kEndAt = 24;
constexpr std::size_t kCountAt = 32;
constexpr std::size_t kEpochAt = 40;
constexpr std::size_t kSumBytes = 8;

// Where the checksum lies; the records follow it.
constexpr std::size_t sum_at(std::uint16_t version) { return version == 1 ? 40 : 48; }
constexpr std::size_t kHeaderBytes = sum_at(kVersion) + kSumBytes;
static_assert(kMagic.size() == kVersionAt);

// Header fields and records are both under the checksum.
std::uint64_t checksum(ByteView file, std::size_t at) {
  Xxh3 sum;
  sum.update(file.first(at));
  sum.update(file.subspan(at + kSumBytes));
  return sum.digest();
}

void add_topic(std::vector<MetadataRecord>& records, const TopicImage& topic) {
  records.emplace_back(TopicRecord{topic.id, topic.name});
  for (std::size_t i = 0; i < topic.partitions.size(); ++i) {
    records.emplace_back(
        record_of(topic.id, PartitionIndex{static_cast<std::int32_t>(i)}, topic.partitions[i]));
  }
  for (const auto& [name, value] : topic.configs) {
    records.emplace_back(ConfigRecord{ConfigResource::topic, topic.name, name, value});
  }
}

}  // namespace

std::vector<MetadataRecord> records_of(const MetadataImage& image) {
  std::vector<MetadataRecord> records;
  // Features first: a program too old stops before it misreads anything. Brokers before topics: a
  // registration renews the leader epochs of topics that are already there.
  for (const auto& [name, level] : image.features) {
    records.emplace_back(FeatureLevelRecord{name, level});
  }
  if (!image.voters.voters.empty()) records.emplace_back(image.voters);
  for (const auto& [id, broker] : image.brokers) {
    records.emplace_back(record_of(broker));
  }
  for (const auto& [broker, configs] : image.broker_configs) {
    for (const auto& [name, value] : configs) {
      records.emplace_back(ConfigRecord{ConfigResource::broker, broker, name, value});
    }
  }
  if (image.next_producer_id > ProducerId{0}) {
    const auto owner = image.brokers.empty() ? BrokerId{0} : image.brokers.begin()->first;
    records.emplace_back(ProducerIdsRecord{owner, image.next_producer_id});
  }
  for (const auto& topic : image.topics_sorted()) add_topic(records, *topic);
  return records;
}

std::string encode_snapshot(const MetadataImage& image, Offset end_offset, LeaderEpoch epoch) {
  const auto records = records_of(image);
  std::string file(kHeaderBytes, '\0');
  for (const auto& record : records) {
    const auto bytes = encode_metadata_record(record);
    std::byte length[4];
    store_be<std::uint32_t>(length, static_cast<std::uint32_t>(bytes.size()));
    file.append(as_text(length)).append(bytes);
  }
  file.replace(0, kMagic.size(), kMagic);
  auto* const at = reinterpret_cast<std::byte*>(file.data());
  store_be<std::uint16_t>(at + kVersionAt, kVersion);
  std::memcpy(at + kClusterAt, image.cluster_id.bytes.data(), image.cluster_id.bytes.size());
  store_be<std::int64_t>(at + kEndAt, end_offset.value());
  store_be<std::uint64_t>(at + kCountAt, records.size());
  store_be<std::int32_t>(at + kEpochAt, epoch.value());
  store_be<std::uint64_t>(at + sum_at(kVersion), checksum(as_bytes(file), sum_at(kVersion)));
  return file;
}

Result<MetadataSnapshot> decode_snapshot(ByteView bytes) {
  if (bytes.size() < sum_at(1) + kSumBytes) return Errc::corrupt_file;
  if (as_text(bytes.first(kMagic.size())) != kMagic) return Errc::corrupt_file;
  const auto version = load_be<std::uint16_t>(bytes.data() + kVersionAt);
  const std::size_t at = sum_at(version);
  if (bytes.size() < at + kSumBytes) return Errc::corrupt_file;
  if (load_be<std::uint64_t>(bytes.data() + at) != checksum(bytes, at)) return Errc::corrupt_file;
  // Only a version that the checksum vouches for is another program's and not damage.
  if (version == 0 || version > kVersion) return Errc::unsupported_format;

  MetadataSnapshot snapshot;
  std::memcpy(snapshot.cluster_id.bytes.data(), bytes.data() + kClusterAt, 16);
  snapshot.end_offset = Offset{load_be<std::int64_t>(bytes.data() + kEndAt)};
  snapshot.epoch =
      version == 1 ? LeaderEpoch{0} : LeaderEpoch{load_be<std::int32_t>(bytes.data() + kEpochAt)};
  if (snapshot.epoch < kNoLeaderEpoch) return Errc::corrupt_file;
  const auto count = load_be<std::uint64_t>(bytes.data() + kCountAt);
  auto rest = bytes.subspan(at + kSumBytes);
  while (!rest.empty()) {
    if (rest.size() < 4) return Errc::corrupt_file;
    const auto length = load_be<std::uint32_t>(rest.data());
    rest = rest.subspan(4);
    if (length > rest.size()) return Errc::corrupt_file;
    STRANDLINE_TRY(auto record, decode_metadata_record(rest.first(length)));
    snapshot.records.push_back(std::move(record));
    rest = rest.subspan(length);
  }
  if (snapshot.records.size() != count) return Errc::corrupt_file;
  return snapshot;
}

}  // namespace strandline
