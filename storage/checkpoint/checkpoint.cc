#include "storage/checkpoint/checkpoint.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "protocol/base/errc.h"
#include "storage/checkpoint/checkpoint_slot.h"

namespace strandline {
namespace {

// No name here may end like a partition's directory, `-<number>`: a topic can be called
// "checkpoint".
constexpr std::array<std::string_view, 2> kSlotNames{"checkpoint.0", "checkpoint.1"};

struct LoadedSlot {
  bool present = false;
  SlotContent content;
};

Result<LoadedSlot> load_slot(Disk& disk, std::string_view name) {
  auto opened = disk.open(name, OpenMode::read);
  if (!opened.has_value()) {
    const ErrorCode missing{ENOENT, boost::system::system_category()};
    if (opened.error() == missing) return LoadedSlot{};
    return opened.error();
  }
  File& file = *opened.value();
  STRANDLINE_TRY(const std::uint64_t size, file.size());
  std::vector<std::byte> bytes(size);
  STRANDLINE_TRY(const std::size_t got, file.read_at(0, bytes));
  LoadedSlot slot{.present = true};
  STRANDLINE_TRY(slot.content, decode_slot(ByteView{bytes}.first(got)));
  return slot;
}

// The usable slot to go on from, or -1; and what there is to say about the two.
int choose_slot(const std::array<LoadedSlot, 2>& slots, CheckpointReport& report) {
  int chosen = -1;
  for (int i = 0; i < 2; ++i) {
    const auto& slot = slots[static_cast<std::size_t>(i)];
    const std::string name{kSlotNames[static_cast<std::size_t>(i)]};
    if (slot.present && !slot.content.usable) {
      report.complaints.push_back("checkpoint slot " + name + " is not usable: " +
                                  slot.content.problem + "; it will be written anew");
    }
    if (!slot.content.usable) continue;
    const bool newer = chosen < 0 || slot.content.generation >
                                         slots[static_cast<std::size_t>(chosen)].content.generation;
    if (newer) chosen = i;
  }
  if (chosen < 0) {
    const bool fresh = !slots[0].present && !slots[1].present;
    report.source = fresh ? CheckpointReport::Source::fresh : CheckpointReport::Source::none;
    if (!fresh) report.complaints.push_back("no checkpoint: every log is read from its start");
    return chosen;
  }
  const auto& other = slots[static_cast<std::size_t>(1 - chosen)];
  // An unusable slot may have been the newer one: a crash in the middle of an image, or damage.
  report.source = other.present && !other.content.usable ? CheckpointReport::Source::older
                                                         : CheckpointReport::Source::newest;
  const auto& content = slots[static_cast<std::size_t>(chosen)].content;
  if (content.ignored_bytes > 0) {
    report.complaints.push_back(
        "checkpoint slot " + std::string{kSlotNames[static_cast<std::size_t>(chosen)]} + ": " +
        std::to_string(content.ignored_bytes) + " bytes from position " +
        std::to_string(content.end) + " are an unfinished or damaged change and are ignored");
  }
  return chosen;
}

}  // namespace

Checkpoint::Checkpoint(Disk& disk, const Options& options) : disk_(disk), options_(options) {}

Result<std::unique_ptr<Checkpoint>> Checkpoint::open(Disk& disk, const Options& options,
                                                     CheckpointReport& report) {
  report = CheckpointReport{};
  std::array<LoadedSlot, 2> slots;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    STRANDLINE_TRY(slots[i], load_slot(disk, kSlotNames[i]));
  }
  std::unique_ptr<Checkpoint> checkpoint{new Checkpoint{disk, options}};
  checkpoint->generation_ = std::max(slots[0].content.generation, slots[1].content.generation);
  const int chosen = choose_slot(slots, report);
  checkpoint->may_be_behind_ = !report.complaints.empty();
  if (chosen >= 0) {
    checkpoint->slot_ = chosen;
    checkpoint->slot_is_doubtful_ = true;
    checkpoint->partitions_ = std::move(slots[static_cast<std::size_t>(chosen)].content.partitions);
  }
  return checkpoint;
}

std::optional<PartitionCheckpoint> Checkpoint::find(const PartitionKey& key) const {
  const std::lock_guard lock{mutex_};
  const auto entry = partitions_.find(key);
  if (entry == partitions_.end()) return std::nullopt;
  return entry->second;
}

std::vector<PartitionKey> Checkpoint::partitions() const {
  const std::lock_guard lock{mutex_};
  std::vector<PartitionKey> keys;
  keys.reserve(partitions_.size());
  for (const auto& [key, state] : partitions_) keys.push_back(key);
  return keys;
}

void Checkpoint::put(const PartitionKey& key, PartitionCheckpoint state) {
  const std::lock_guard lock{mutex_};
  const auto [entry, added] = partitions_.try_emplace(key);
  if (!added && entry->second == state) return;
  entry->second = std::move(state);
  changed_.insert(key);
}

void Checkpoint::remove(const PartitionKey& key) {
  const std::lock_guard lock{mutex_};
  if (partitions_.erase(key) > 0) changed_.insert(key);
}

Result<void> Checkpoint::write() {
  const std::lock_guard writing{write_mutex_};
  if (failed_.failed()) return failed_;
  const std::vector<CheckpointEntry> changes = take_changes();
  // What was read at the start may be in the cache alone, left by a process whose sync failed.
  if (changes.empty() && file_ != nullptr) return success();
  const std::uint64_t journal_max = std::max(options_.journal_bytes_min, image_end_);
  const bool image_due = file_ == nullptr || end_ - image_end_ > journal_max;
  is_syncing_ = false;
  const Result<void> outcome = image_due ? write_image() : append_changes(changes);
  if (outcome.has_value()) return outcome;
  const bool is_of_room = is_out_of_room(outcome.error());
  if (is_of_room && !is_syncing_) {
    const std::lock_guard lock{mutex_};
    for (const CheckpointEntry& change : changes) changed_.insert(change.key);
    return outcome;
  }
  // Not an error that asks for another try.
  failed_ = is_of_room ? make_error_code(boost::system::errc::io_error) : outcome.error();
  return failed_;
}

std::vector<CheckpointEntry> Checkpoint::take_changes() {
  const std::lock_guard lock{mutex_};
  std::vector<CheckpointEntry> changes;
  changes.reserve(changed_.size());
  for (const PartitionKey& key : changed_) {
    const auto entry = partitions_.find(key);
    if (entry == partitions_.end()) {
      changes.push_back({.key = key, .removed = true});
    } else {
      changes.push_back({.key = key, .state = entry->second});
    }
  }
  changed_.clear();
  return changes;
}

std::vector<CheckpointEntry> Checkpoint::all_entries() const {
  const std::lock_guard lock{mutex_};
  std::vector<CheckpointEntry> entries;
  entries.reserve(partitions_.size());
  for (const auto& [key, state] : partitions_) entries.push_back({.key = key, .state = state});
  return entries;
}

Result<void> Checkpoint::append_changes(const std::vector<CheckpointEntry>& changes) {
  std::vector<std::byte> frame;
  append_slot_frame(frame, generation_, next_frame_, as_bytes(encode_checkpoint_entries(changes)));
  STRANDLINE_TRYV(file_->write_at(end_, frame));
  is_syncing_ = true;
  STRANDLINE_TRYV(file_->sync());
  end_ += frame.size();
  ++next_frame_;
  bytes_written_ += frame.size();
  return success();
}

// After a failed sync a slot may be whole in the cache and not on the disk, where no further sync
// brings it. The same bytes written once more do no harm to one that is there.
Result<void> Checkpoint::write_slot_again() {
  STRANDLINE_TRY(auto file,
                 disk_.open(kSlotNames[static_cast<std::size_t>(slot_)], OpenMode::read_write));
  STRANDLINE_TRY(const std::uint64_t size, file->size());
  std::vector<std::byte> bytes(size);
  STRANDLINE_TRY(const std::size_t got, file->read_at(0, bytes));
  STRANDLINE_TRYV(file->write_at(0, ByteView{bytes}.first(got)));
  STRANDLINE_TRYV(sync_slot(*file));
  slot_is_doubtful_ = false;
  return success();
}

Result<void> Checkpoint::sync_slot(File& file) {
  is_syncing_ = true;
  STRANDLINE_TRYV(file.sync());
  STRANDLINE_TRYV(disk_.sync_directory(""));
  is_syncing_ = false;
  return success();
}

// The other slot stays as it is until this one is whole, so that one of them always counts.
Result<void> Checkpoint::write_image() {
  if (slot_is_doubtful_) {
    STRANDLINE_TRYV(write_slot_again());
  }
  const int slot = 1 - slot_;
  std::uint32_t frames = 0;
  const std::vector<std::byte> image = encode_slot_image(generation_ + 1, all_entries(), frames);
  STRANDLINE_TRY(auto file,
                 disk_.open(kSlotNames[static_cast<std::size_t>(slot)], OpenMode::create_or_open));
  STRANDLINE_TRYV(file->truncate(0));
  STRANDLINE_TRYV(file->write_at(0, image));
  STRANDLINE_TRYV(sync_slot(*file));
  ++generation_;
  slot_ = slot;
  file_ = std::move(file);
  next_frame_ = frames;
  end_ = image_end_ = image.size();
  bytes_written_ += image.size();
  return success();
}

std::uint64_t Checkpoint::bytes_written() const {
  const std::lock_guard writing{write_mutex_};
  return bytes_written_;
}

}  // namespace strandline
