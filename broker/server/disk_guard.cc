#include "broker/server/disk_guard.h"

#include "broker/logging/log.h"

namespace strandline {
namespace {

constexpr Duration kInterval = std::chrono::seconds{1};
constexpr char kBallastFile[] = "ballast";

}  // namespace

DiskGuard::DiskGuard(Shard& shard, Disk& disk, std::atomic<bool>& refuses_writes,
                     std::atomic<bool>& refuses_changes)
    : shard_(shard),
      disk_(disk),
      refuses_writes_(refuses_writes),
      refuses_changes_(refuses_changes) {}

void DiskGuard::make_room_to_start() {
  const auto exists = disk_.exists(kBallastFile);
  has_ballast_ = exists && exists.value();
  const auto space = disk_.space();
  if (has_ballast_ && space && space.value().available_bytes < stop_mark()) give_up_ballast();
}

std::uint64_t DiskGuard::stop_mark() const {
  return static_cast<std::uint64_t>(shard_.settings().disk_watermark_stop_bytes);
}

void DiskGuard::look_now() {
  const auto space = disk_.space();
  if (space) judge(space.value());
}

void DiskGuard::start() {
  shard_.loop().after(kInterval, [this] { tick(); });
}

void DiskGuard::tick() {
  shard_.disk_pool().submit([this] {
    look_now();
    shard_.loop().post([this] { start(); });
  });
}

DiskSpace DiskGuard::space() const {
  return {.total_bytes = total_.load(std::memory_order_relaxed),
          .available_bytes = available_.load(std::memory_order_relaxed)};
}

void DiskGuard::judge(const DiskSpace& space) {
  total_.store(space.total_bytes, std::memory_order_relaxed);
  available_.store(space.available_bytes, std::memory_order_relaxed);
  if (space.available_bytes < stop_mark() && has_ballast_) {
    give_up_ballast();
  } else {
    keep_ballast(space.available_bytes);
  }
  judge_writes(space.available_bytes);
  judge_changes(space.available_bytes);
}

void DiskGuard::judge_writes(std::uint64_t available) {
  const auto mark = static_cast<std::uint64_t>(shard_.settings().disk_watermark_refuse_bytes);
  const bool full = available < mark;
  if (full == refuses_writes_.exchange(full, std::memory_order_relaxed)) return;
  if (full) {
    log_line(LogLevel::error, "disk",
             "free space is below disk.watermark.refuse.bytes: produce is refused until there is "
             "room; delete topics or records, or lower retention",
             {{"available", available}, {"mark", mark}});
  } else {
    log_line(LogLevel::info, "disk", "there is room again: produce is served",
             {{"available", available}});
  }
}

void DiskGuard::judge_changes(std::uint64_t available) {
  const std::uint64_t mark = stop_mark();
  const bool full = available < mark;
  if (full == refuses_changes_.exchange(full, std::memory_order_relaxed)) return;
  if (full) {
    log_line(
        LogLevel::error, "disk",
        "free space is below disk.watermark.stop.bytes: topics, partitions and configs are not "
        "created or changed until there is room; delete topics or records",
        {{"available", available}, {"mark", mark}});
  } else {
    log_line(LogLevel::info, "disk", "there is room again: changes are taken",
             {{"available", available}});
  }
}

void DiskGuard::keep_ballast(std::uint64_t available) {
  const Settings& settings = shard_.settings();
  const auto wanted = static_cast<std::uint64_t>(settings.disk_ballast_bytes);
  const auto refuse = static_cast<std::uint64_t>(settings.disk_watermark_refuse_bytes);
  if (ballast_whole_ || wanted == 0 || available < refuse + wanted) return;
  const auto file = disk_.open(kBallastFile, OpenMode::create_or_open);
  if (!file) return;
  // Not reserved means no ballast, which only costs the comfort at the very end.
  has_ballast_ = true;
  ballast_whole_ = file.value()->allocate(0, wanted).has_value();
}

void DiskGuard::give_up_ballast() {
  const Result<void> removed = disk_.remove(kBallastFile);
  has_ballast_ = ballast_whole_ = false;
  log_line(LogLevel::error, "disk", "the disk is full: the ballast file is given up",
           {{"freed", removed ? shard_.settings().disk_ballast_bytes : 0}});
}

}  // namespace strandline
