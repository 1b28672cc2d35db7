// Arbitrary bytes as the files of a partition, opened with and without a checkpoint. What opens can
// be read to its end or says where it is damaged, and opens again as the same log.
#include <string>
#include <vector>

#include "protocol/base/assertion.h"
#include "protocol/base/errc.h"
#include "protocol/record/batch.h"
#include "storage/io/sim_disk.h"
#include "storage/log/partition_log.h"
#include "storage/log/read_plan.h"
#include "tests/fuzz/storage/sections.h"

namespace strandline {
namespace {

constexpr std::string_view kFirst = "p-0/00000000000000000000";
constexpr Timestamp kNow{1'800'000'000'000};
constexpr unsigned kRepair = 1;
constexpr unsigned kCheckpoint = 2;
constexpr unsigned kEpochs = 4;
constexpr unsigned kExactStart = 8;

class Silent final : public DamageReporter {
 public:
  void damaged(const Damage&) override {}
  void cut(const std::string&, std::uint64_t, std::uint64_t, const std::string&) override {}
  void rebuilt(const std::string&, const std::string&) override {}
};

// What a fuzzer hardly finds by itself: right checksums.
std::vector<std::byte> repaired(ByteView log) {
  std::vector<std::byte> bytes(log.begin(), log.end());
  std::size_t at = 0;
  while (at + kBatchHeaderBytes <= bytes.size()) {
    const auto header = parse_batch_header(ByteView{bytes}.subspan(at, kBatchHeaderBytes));
    if (!header || header.value().size_bytes() > bytes.size() - at) break;
    assign_batch_crc(MutableByteView{bytes}.subspan(at, header.value().size_bytes()));
    at += header.value().size_bytes();
  }
  return bytes;
}

void put(SimDisk& disk, const std::string& path, ByteView bytes) {
  if (bytes.empty()) return;
  const auto file = disk.open(path, OpenMode::create_or_open);
  STRANDLINE_ASSERT(file && file.value()->write_at(0, bytes) && file.value()->sync());
}

Result<std::unique_ptr<PartitionLog>> open_log(SimDisk& disk, const RecoveryPoint& point) {
  static Silent silent;
  LogConfig config;
  config.index_interval_bytes = 128;
  return PartitionLog::open(disk, "p-0", config, point, kNow, silent);
}

void read_all(const PartitionLog& log) {
  Offset at = log.log_start_offset();
  while (at < log.log_end_offset()) {
    const auto read =
        execute(log.plan_read(at, log.log_end_offset(), 1000, true), ReadMode::blocking);
    if (!read) {
      STRANDLINE_ASSERT(read.error() == Errc::corrupt_batch);
      break;
    }
    STRANDLINE_ASSERT(read.value().next_offset > at && read.value().bytes > 0);
    at = read.value().next_offset;
  }
  for (const std::int64_t time : {-1, 0, 1000, 1'700'000'000}) {
    (void)find_by_time(log.plan_time_search(Timestamp{time}, log.log_end_offset()));
  }
}

void check_log(SimDisk& disk, const RecoveryPoint& point) {
  Offset start;
  Offset end;
  {
    const auto log = open_log(disk, point);
    if (!log) return;
    start = log.value()->log_start_offset();
    end = log.value()->log_end_offset();
    STRANDLINE_ASSERT(start <= log.value()->high_watermark());
    STRANDLINE_ASSERT(log.value()->high_watermark() <= end);
    read_all(*log.value());
  }
  const auto again = open_log(disk, point);
  STRANDLINE_ASSERT(again.has_value());
  STRANDLINE_ASSERT(again.value()->log_start_offset() == start);
  STRANDLINE_ASSERT(again.value()->log_end_offset() == end);
}

}  // namespace
}  // namespace strandline

// Flags, flushed end, base offset of a second segment (0: none), each a uint16; then sections:
// .log, .index, .timeindex, .arrivals and .digest of the first segment, .log of the second, a
// .snapshot.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace strandline;
  Sections input{{reinterpret_cast<const std::byte*>(data), size}};
  const unsigned flags = input.number();
  const Offset flushed{input.number()};
  const int second = input.number();
  SimDisk disk{1};
  STRANDLINE_ASSERT(disk.create_directories("p-0").has_value());
  const auto log_bytes = [&] {
    const ByteView bytes = input.next();
    return (flags & kRepair) != 0 ? repaired(bytes) : std::vector(bytes.begin(), bytes.end());
  };
  put(disk, std::string{kFirst} + ".log", log_bytes());
  for (const std::string_view suffix : {".index", ".timeindex", ".arrivals", ".digest"}) {
    put(disk, std::string{kFirst}.append(suffix), input.next());
  }
  std::string base = std::to_string(second);
  base.insert(0, 20 - base.size(), '0');
  const auto last = log_bytes();
  if (second > 0) put(disk, "p-0/" + base + ".log", last);
  put(disk, "p-0/" + base + ".snapshot", input.next());
  STRANDLINE_ASSERT(disk.sync_directory("p-0").has_value());

  RecoveryPoint point;
  if ((flags & kCheckpoint) != 0) {
    point.known = true;
    point.log_start_is_exact = (flags & kExactStart) != 0;
    point.state.flushed_end = point.state.high_watermark = flushed;
    if ((flags & kEpochs) != 0) point.state.epochs = {{LeaderEpoch{0}, Offset{0}}};
  }
  check_log(disk, point);
  return 0;
}
