#include "storage/producer/snapshot.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "protocol/base/errc.h"

namespace strandline {
namespace {

constexpr FileKind kSnapshotKind{.magic = "SLPS", .version = 1};
constexpr std::string_view kSuffix = ".snapshot";
constexpr std::size_t kDigits = 20;

std::string path_in(std::string_view directory, std::string_view name) {
  return std::string{directory} + "/" + std::string{name};
}

bool is_damage(const ErrorCode& error) {
  return error == Errc::corrupt_file || error == Errc::unsupported_format;
}

}  // namespace

std::string snapshot_file_name(Offset next_offset) {
  std::string digits = std::to_string(next_offset.value());
  digits.insert(0, kDigits - std::min(kDigits, digits.size()), '0');
  return digits + std::string{kSuffix};
}

std::optional<Offset> snapshot_offset(std::string_view file_name) {
  if (file_name.size() != kDigits + kSuffix.size() || !file_name.ends_with(kSuffix)) {
    return std::nullopt;
  }
  std::int64_t value = 0;
  const char* end = file_name.data() + kDigits;
  const auto parsed = std::from_chars(file_name.data(), end, value);
  if (parsed.ec != std::errc{} || parsed.ptr != end || value < 0) return std::nullopt;
  return Offset{value};
}

Result<void> write_producer_snapshot(Disk& disk, std::string_view directory,
                                     const ProducerSnapshot& snapshot, Replacement how) {
  const std::string path = path_in(directory, snapshot_file_name(snapshot.next_offset));
  return replace_file(disk, path, kSnapshotKind, as_bytes(encode_producer_snapshot(snapshot)), how);
}

Result<ProducerSnapshot> read_producer_snapshot(Disk& disk, std::string_view directory,
                                                Offset next_offset) {
  const std::string path = path_in(directory, snapshot_file_name(next_offset));
  STRANDLINE_TRY(const auto payload, read_file(disk, path, kSnapshotKind));
  STRANDLINE_TRY(auto snapshot, decode_producer_snapshot(payload));
  if (snapshot.next_offset != next_offset) return Errc::corrupt_file;  // renamed by hand
  return snapshot;
}

Result<SnapshotSearch> newest_producer_snapshot(Disk& disk, std::string_view directory,
                                                Offset at_or_below) {
  STRANDLINE_TRY(auto names, disk.list(directory));
  SnapshotSearch search;
  for (auto name = names.rbegin(); name != names.rend(); ++name) {  // newest first: names sort so
    const auto offset = snapshot_offset(*name);
    if (!offset.has_value() || *offset > at_or_below) continue;
    auto snapshot = read_producer_snapshot(disk, directory, *offset);
    if (snapshot.has_value()) {
      search.found = std::move(snapshot).value();
      return search;
    }
    if (!is_damage(snapshot.error())) return snapshot.error();
    search.damaged.push_back(path_in(directory, *name));
  }
  return search;
}

Result<void> remove_producer_snapshots(Disk& disk, std::string_view directory, Offset start,
                                       Offset end) {
  STRANDLINE_TRY(auto names, disk.list(directory));
  const std::string unfinished = std::string{kSuffix} + std::string{kUnfinishedSuffix};
  for (const std::string& name : names) {
    const auto offset = snapshot_offset(name);
    const bool in_range = offset.has_value() && *offset >= start && *offset < end;
    if (!in_range && !name.ends_with(unfinished)) continue;
    STRANDLINE_TRYV(disk.remove(path_in(directory, name)));
  }
  return success();
}

}  // namespace strandline
