#include "broker/partition/partition_directory.h"

#include <algorithm>
#include <charconv>
#include <mutex>
#include <optional>
#include <string_view>

#include "broker/logging/log.h"
#include "protocol/base/errc.h"
#include "replication/metadata/image.h"

namespace strandline {
namespace {

constexpr std::string_view kDeleteSuffix = "-delete";
constexpr std::string_view kStraySuffix = "-stray";
constexpr std::string_view kDamagedSuffix = "-damaged-";
constexpr std::string_view kStraySinceFile = "/stray.since";
constexpr std::string_view kIdentityFile = "/partition.metadata";
constexpr std::string_view kUnfinishedSuffix = ".new";
constexpr std::string_view kLacksRecordsFile = "/lacks.records";
constexpr std::string_view kIdentityPrefix = "version: 0\ntopic_id: ";
constexpr std::string_view kRecordsSuffix = ".log";

// Held from looking at whose a directory is to giving it another name: a topic may be deleted on
// one thread while another of the same name is made on the next.
std::mutex renaming;

std::string name_apart(const std::string& directory, const Uuid& owner, std::string_view suffix) {
  const std::string index = directory.substr(directory.rfind('-') + 1);
  return to_text(owner) + "." + index + std::string{suffix};
}

std::optional<PartitionIndex> number_of(std::string_view digits) {
  std::int32_t index = -1;
  const auto* end = digits.data() + digits.size();
  const auto [stopped, error] = std::from_chars(digits.data(), end, index);
  const bool is_index =
      error == std::errc{} && stopped == end && index >= 0 && digits == std::to_string(index);
  return is_index ? std::optional{PartitionIndex{index}} : std::nullopt;
}

// Of `<topic>-<index>`; none: it is no partition's, or the metadata log's.
std::optional<PartitionIndex> index_of(std::string_view directory) {
  const std::size_t dash = directory.rfind('-');
  if (dash == std::string_view::npos || dash == 0) return std::nullopt;
  if (directory.substr(0, dash) == kClusterMetadataTopic) return std::nullopt;
  return number_of(directory.substr(dash + 1));
}

// Of `<topic id>.<index>-stray` and the like: whose it was, and what it is now.
struct PutAside {
  PartitionKey key;
  std::string_view suffix;  // from the dash on
};

std::optional<PutAside> put_aside(std::string_view directory) {
  const std::size_t dot = directory.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  const auto owner = uuid_from_text(directory.substr(0, dot));
  if (!owner) return std::nullopt;
  const std::string_view rest = directory.substr(dot + 1);
  const std::size_t dash = rest.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const std::optional<PartitionIndex> index = number_of(rest.substr(0, dash));
  if (!index) return std::nullopt;
  return PutAside{{owner.value(), *index}, rest.substr(dash)};
}

bool is_stray(const PutAside& aside) {
  std::string_view rest = aside.suffix;
  if (!rest.starts_with(kStraySuffix)) return false;
  rest.remove_prefix(kStraySuffix.size());
  return rest.empty() || (rest.starts_with('-') && number_of(rest.substr(1)));
}

// It gets its name once its bytes are on the disk: who sees it after a crash, before a power loss,
// may go by it.
Result<void> write_identity(Disk& disk, const std::string& directory, const Uuid& topic_id) {
  const std::string path = directory + std::string{kIdentityFile};
  const std::string unfinished = path + std::string{kUnfinishedSuffix};
  STRANDLINE_TRY(const auto file, disk.open(unfinished, OpenMode::create_or_open));
  const std::string text = std::string{kIdentityPrefix} + to_text(topic_id) + "\n";
  STRANDLINE_TRYV(file->truncate(0));  // what an interrupted creation left
  STRANDLINE_TRYV(file->write_at(0, as_bytes(text)));
  STRANDLINE_TRYV(file->sync());
  STRANDLINE_TRYV(disk.rename(unfinished, path));
  STRANDLINE_TRYV(disk.sync_directory(directory));
  return success();
}

// The topic id a directory belongs to; zero when it does not say.
Result<Uuid> read_identity(Disk& disk, const std::string& directory) {
  const std::string path = directory + std::string{kIdentityFile};
  STRANDLINE_TRY(const bool exists, disk.exists(path));
  if (!exists) return Uuid{};
  STRANDLINE_TRY(const auto file, disk.open(path, OpenMode::read));
  std::byte buffer[128];
  STRANDLINE_TRY(const std::size_t size, file->read_at(0, buffer));
  std::string_view text = as_text(ByteView{buffer, size});
  if (!text.starts_with(kIdentityPrefix)) return Uuid{};
  text.remove_prefix(kIdentityPrefix.size());
  if (text.ends_with('\n')) text.remove_suffix(1);
  const auto id = uuid_from_text(text);
  return id ? id.value() : Uuid{};
}

Result<bool> holds_records(Disk& disk, const std::string& directory) {
  STRANDLINE_TRY(const auto names, disk.list(directory));
  for (const std::string& name : names) {
    if (!name.ends_with(kRecordsSuffix)) continue;
    STRANDLINE_TRY(const auto file, disk.open(directory + "/" + name, OpenMode::read));
    STRANDLINE_TRY(const std::uint64_t size, file->size());
    if (size > 0) return true;
  }
  return false;
}

// Where a stray is put: an earlier one of the same partition stays what it is.
Result<std::string> free_stray_name(Disk& disk, const std::string& directory, const Uuid& owner) {
  const std::string first = name_apart(directory, owner, kStraySuffix);
  std::string name = first;
  for (int number = 2;; ++number) {
    STRANDLINE_TRY(const bool is_taken, disk.exists(name));
    if (!is_taken) return name;
    name = first + "-" + std::to_string(number);
  }
}

// Gives the directory another name, if it belongs to `owner`. Returns whether it did.
Result<bool> move_apart(Disk& disk, const std::string& directory, const Uuid& owner,
                        const std::string& to) {
  {
    const std::lock_guard lock{renaming};
    STRANDLINE_TRY(const bool exists, disk.exists(directory));
    if (!exists) return false;
    STRANDLINE_TRY(const Uuid found, read_identity(disk, directory));
    if (found != owner || found.is_zero()) return false;
    STRANDLINE_TRYV(disk.rename(directory, to));
  }
  STRANDLINE_TRYV(disk.sync_directory(""));
  return true;
}

// Puts a directory of another topic out of the way. Returns whether the one that is there then is
// `topic_id`'s already.
Result<bool> make_room(Disk& disk, const std::string& directory, const Uuid& topic_id,
                       DamageReporter& reporter) {
  const std::lock_guard lock{renaming};
  STRANDLINE_TRY(const bool exists, disk.exists(directory));
  if (!exists) return false;
  STRANDLINE_TRY(const Uuid owner, read_identity(disk, directory));
  if (owner == topic_id) return true;
  if (owner.is_zero()) {
    // Without records it is what an interrupted creation left, and as good as new.
    STRANDLINE_TRY(const bool has_records, holds_records(disk, directory));
    if (!has_records) return false;
    reporter.damaged({.file = directory + std::string{kIdentityFile},
                      .expected = "the id of the topic these records belong to",
                      .found = "none"});
    return Errc::corrupt_file;
  }
  STRANDLINE_TRY(const std::string stray, free_stray_name(disk, directory, owner));
  STRANDLINE_TRYV(disk.rename(directory, stray));
  log_line(LogLevel::warn, "partition",
           "a directory of another topic of this name was in the way; it is kept for stray.keep.ms",
           {{"directory", directory}, {"kept_as", stray}});
  return false;
}

}  // namespace

std::string partition_directory(const std::string& topic, PartitionIndex partition) {
  return topic + "-" + std::to_string(partition.value());
}

Result<void> claim_partition_directory(Disk& disk, const std::string& directory,
                                       const Uuid& topic_id, DamageReporter& reporter) {
  STRANDLINE_TRY(const bool claimed, make_room(disk, directory, topic_id, reporter));
  if (claimed) return success();
  STRANDLINE_TRYV(disk.create_directories(directory));
  // Before the identity, which tells the next claim that nothing of this is left to do.
  STRANDLINE_TRYV(disk.sync_directory(""));
  return write_identity(disk, directory, topic_id);
}

Result<void> replace_damaged_directory(Disk& disk, const std::string& directory,
                                       const Uuid& topic_id, Timestamp now,
                                       DamageReporter& reporter) {
  const std::string kept =
      name_apart(directory, topic_id, kDamagedSuffix) + std::to_string(now.value());
  STRANDLINE_TRY(const bool moved, move_apart(disk, directory, topic_id, kept));
  if (!moved) return Errc::corrupt_file;
  log_line(LogLevel::error, "partition",
           "the records of a replica are damaged; they are kept, and are fetched from the leader "
           "again",
           {{"directory", directory}, {"kept_as", kept}});
  STRANDLINE_TRYV(claim_partition_directory(disk, directory, topic_id, reporter));
  STRANDLINE_TRY(const auto mark,
                 disk.open(directory + std::string{kLacksRecordsFile}, OpenMode::create_or_open));
  STRANDLINE_TRYV(mark->sync());
  return disk.sync_directory(directory);
}

Result<bool> lacks_records(Disk& disk, const std::string& directory) {
  return disk.exists(directory + std::string{kLacksRecordsFile});
}

Result<void> has_all_records_again(Disk& disk, const std::string& directory) {
  STRANDLINE_TRYV(disk.remove(directory + std::string{kLacksRecordsFile}));
  return disk.sync_directory(directory);
}

Result<UnknownDirectories> find_unknown_directories(Disk& disk,
                                                    const std::set<std::string>& known) {
  STRANDLINE_TRY(const std::vector<std::string> names, disk.list(""));
  UnknownDirectories found;
  for (const std::string& name : names) {
    if (!name.ends_with('/')) continue;
    const std::string directory = name.substr(0, name.size() - 1);
    const std::optional<PartitionIndex> index = index_of(directory);
    if (!index || known.contains(directory)) continue;
    STRANDLINE_TRY(const Uuid owner, read_identity(disk, directory));
    // A topic may be named like one that is put aside, but does not choose its id.
    const std::optional<PutAside> aside = put_aside(directory);
    if (aside && owner == aside->key.topic_id) continue;
    if (owner.is_zero()) {
      found.nameless.push_back(directory);
    } else {
      found.owned.push_back({directory, {owner, *index}});
    }
  }
  return found;
}

Result<std::string> put_stray_aside(Disk& disk, const std::string& directory,
                                    const Uuid& topic_id) {
  STRANDLINE_TRY(std::string stray, free_stray_name(disk, directory, topic_id));
  STRANDLINE_TRY(const bool moved, move_apart(disk, directory, topic_id, stray));
  return moved ? stray : std::string{};
}

namespace {

// When a stray was first seen to be one.
Result<Timestamp> stray_since(Disk& disk, const std::string& directory, Timestamp now) {
  const std::string path = directory + std::string{kStraySinceFile};
  STRANDLINE_TRY(const auto file, disk.open(path, OpenMode::create_or_open));
  char text[32];
  const MutableByteView bytes{reinterpret_cast<std::byte*>(text), sizeof text};
  STRANDLINE_TRY(const std::size_t size, file->read_at(0, bytes));
  std::int64_t since = 0;
  const auto [stopped, error] = std::from_chars(text, text + size, since);
  // One from a clock that was ahead counts from here on.
  const bool is_whole = error == std::errc{} && stopped < text + size && *stopped == '\n';
  if (is_whole && since <= now.value()) return Timestamp{since};
  STRANDLINE_TRYV(file->truncate(0));
  STRANDLINE_TRYV(file->write_at(0, as_bytes(std::to_string(now.value()) + "\n")));
  STRANDLINE_TRYV(file->sync());
  STRANDLINE_TRYV(disk.sync_directory(directory));
  return now;
}

Result<std::uint64_t> bytes_in(Disk& disk, const std::string& directory) {
  STRANDLINE_TRY(const std::vector<std::string> names, disk.list(directory));
  std::uint64_t bytes = 0;
  for (const std::string& name : names) {
    if (name.ends_with('/')) continue;
    STRANDLINE_TRY(const auto file, disk.open(directory + "/" + name, OpenMode::read));
    STRANDLINE_TRY(const std::uint64_t size, file->size());
    bytes += size;
  }
  return bytes;
}

}  // namespace

Result<std::vector<StrayDirectory>> list_strays(Disk& disk, Timestamp now,
                                                const std::vector<StrayDirectory>& known) {
  STRANDLINE_TRY(const std::vector<std::string> names, disk.list(""));
  std::vector<StrayDirectory> strays;
  for (const std::string& name : names) {
    if (!name.ends_with('/')) continue;
    const std::string directory = name.substr(0, name.size() - 1);
    const std::optional<PutAside> aside = put_aside(directory);
    if (!aside || !is_stray(*aside)) continue;
    const auto same = std::ranges::find(known, directory, &StrayDirectory::directory);
    if (same != known.end() && same->since <= now) {
      strays.push_back(*same);
      continue;
    }
    STRANDLINE_TRY(const Uuid owner, read_identity(disk, directory));
    if (owner != aside->key.topic_id) continue;
    STRANDLINE_TRY(const Timestamp since, stray_since(disk, directory, now));
    STRANDLINE_TRY(const std::uint64_t bytes, bytes_in(disk, directory));
    strays.push_back({directory, aside->key, since, bytes});
  }
  return strays;
}

Result<void> remove_stray(Disk& disk, const std::string& directory) {
  const std::string doomed = directory + std::string{kDeleteSuffix};
  STRANDLINE_TRYV(disk.rename(directory, doomed));
  STRANDLINE_TRYV(disk.sync_directory(""));
  return disk.remove_tree(doomed);
}

Result<bool> remove_partition_directory(Disk& disk, const std::string& directory,
                                        const Uuid& topic_id) {
  const std::string doomed = name_apart(directory, topic_id, kDeleteSuffix);
  STRANDLINE_TRY(bool moved, move_apart(disk, directory, topic_id, doomed));
  if (!moved) {
    // A topic made anew under the name may have come first and put it out of its way.
    const std::string stray = name_apart(directory, topic_id, kStraySuffix);
    STRANDLINE_TRY(moved, move_apart(disk, stray, topic_id, doomed));
  }
  if (!moved) return false;
  STRANDLINE_TRYV(disk.remove_tree(doomed));
  return true;
}

Result<void> remove_doomed_directories(Disk& disk) {
  STRANDLINE_TRY(const std::vector<std::string> names, disk.list(""));
  for (const std::string& name : names) {
    if (name.ends_with(std::string{kDeleteSuffix} + "/")) {
      STRANDLINE_TRYV(disk.remove_tree(name.substr(0, name.size() - 1)));
    }
  }
  return success();
}

}  // namespace strandline
