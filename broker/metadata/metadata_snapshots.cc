#include "broker/metadata/metadata_snapshots.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "protocol/base/errc.h"
#include "replication/metadata/snapshot.h"
#include "storage/checkpoint/guarded_file.h"
#include "storage/log/segment.h"

namespace strandline {
namespace {

constexpr std::string_view kSuffix = ".image";

std::optional<Offset> offset_of(std::string_view name) {
  if (!name.ends_with(kSuffix)) return std::nullopt;
  const std::string_view stem = name.substr(0, name.size() - kSuffix.size());
  std::int64_t end_offset = -1;
  const auto [stopped, error] = std::from_chars(stem.data(), stem.data() + stem.size(), end_offset);
  if (error != std::errc{} || stopped != stem.data() + stem.size() || end_offset < 0) {
    return std::nullopt;
  }
  if (offset_file_stem(Offset{end_offset}) != stem) return std::nullopt;
  return Offset{end_offset};
}

// A file whose checksum is right and whose records do not fold was not written by us: it must be
// found out before the first of them has changed anything.
Result<MetadataSnapshotSearch::Found> check_snapshot(ByteView bytes, const Uuid& cluster_id) {
  STRANDLINE_TRY(auto snapshot, decode_snapshot(bytes));
  if (snapshot.cluster_id != cluster_id) return Errc::foreign_directory;
  MetadataState scratch{cluster_id};
  for (const MetadataRecord& record : snapshot.records) {
    STRANDLINE_TRYV(scratch.apply(record));
  }
  return MetadataSnapshotSearch::Found{snapshot.end_offset, snapshot.epoch, bytes.size(),
                                       std::move(snapshot.records)};
}

Result<MetadataSnapshotSearch::Found> read_snapshot(Disk& disk, const std::string& path,
                                                    Offset end_offset, const Uuid& cluster_id) {
  STRANDLINE_TRY(const auto bytes, read_bytes(disk, path));
  STRANDLINE_TRY(auto found, check_snapshot(bytes, cluster_id));
  if (found.end_offset != end_offset) return Errc::corrupt_file;
  return found;
}

}  // namespace

std::string metadata_snapshot_name(Offset end_offset) {
  return offset_file_stem(end_offset) + std::string{kSuffix};
}

Result<MetadataSnapshotSearch> newest_metadata_snapshot(Disk& disk, const std::string& directory,
                                                        const Uuid& cluster_id) {
  MetadataSnapshotSearch search;
  STRANDLINE_TRY(std::vector<std::string> names, disk.list(directory));
  std::ranges::reverse(names);  // sorted, and so are offsets of 20 digits
  for (const std::string& name : names) {
    const std::optional<Offset> end_offset = offset_of(name);
    if (!end_offset) continue;
    const std::string path = directory + "/" + name;
    auto found = read_snapshot(disk, path, *end_offset, cluster_id);
    if (found) {
      search.found = std::move(found).value();
      return search;
    }
    const ErrorCode error = found.error();
    if (error == Errc::unsupported_format || error == Errc::foreign_directory) return error;
    search.unusable.push_back({path, error.message()});
  }
  return search;
}

Result<std::uint64_t> write_metadata_snapshot(Disk& disk, const std::string& directory,
                                              const MetadataImage& image, Offset end_offset,
                                              LeaderEpoch epoch) {
  const std::string path = directory + "/" + metadata_snapshot_name(end_offset);
  const std::string bytes = encode_snapshot(image, end_offset, epoch);
  const Result<void> written = replace_bytes(disk, path, as_bytes(bytes));
  if (written) return bytes.size();
  // On a full disk its room is wanted; else the next snapshot removes it.
  (void)disk.remove(path + std::string{kUnfinishedSuffix});
  return written.error();
}

Result<MetadataSnapshotSearch::Found> keep_metadata_snapshot(Disk& disk,
                                                             const std::string& directory,
                                                             const Uuid& cluster_id,
                                                             ByteView bytes) {
  STRANDLINE_TRY(auto found, check_snapshot(bytes, cluster_id));
  STRANDLINE_TRYV(
      replace_bytes(disk, directory + "/" + metadata_snapshot_name(found.end_offset), bytes));
  return found;
}

Result<std::vector<std::byte>> read_metadata_snapshot(Disk& disk, const std::string& directory,
                                                      Offset end_offset) {
  return read_bytes(disk, directory + "/" + metadata_snapshot_name(end_offset));
}

Result<void> remove_metadata_snapshots(Disk& disk, const std::string& directory, Offset newest,
                                       std::optional<Offset> before) {
  const std::string unfinished_suffix = std::string{kSuffix} + std::string{kUnfinishedSuffix};
  STRANDLINE_TRY(const std::vector<std::string> names, disk.list(directory));
  for (const std::string& name : names) {
    const std::optional<Offset> end_offset = offset_of(name);
    const bool kept = end_offset && (*end_offset == newest || end_offset == before);
    if (kept || (!end_offset && !name.ends_with(unfinished_suffix))) continue;
    STRANDLINE_TRYV(disk.remove(directory + "/" + name));
  }
  return success();
}

}  // namespace strandline
