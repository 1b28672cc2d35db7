// A partition log on a simulated disk, with what it told its reporter; made for the tests of this
// folder.
#pragma once

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "protocol/base/errc.h"
#include "protocol/record/builder.h"
#include "storage/io/sim_disk.h"
#include "storage/log/partition_log.h"

namespace strandline {

inline constexpr std::string_view kDirectory = "orders-0";
inline constexpr Timestamp kStartOfTests{1'700'000'000'000};

// "orders-0/00000000000000000005.log"
std::string file_of(std::int64_t base_offset, std::string_view suffix);

// What to put into a batch; each record has a value of `value_bytes` bytes.
struct BatchSpec {
  std::vector<std::int64_t> times{1000};  // of its records, one each
  std::size_t value_bytes = 100;
  Codec codec = Codec::none;
  std::int64_t producer = -1;
  std::int32_t sequence = -1;
  std::int64_t base_offset = 0;
  std::int32_t leader_epoch = 0;
};

std::vector<std::byte> make_batch(const BatchSpec& spec);
// One batch of so many records.
BatchSpec records(std::size_t count, std::size_t value_bytes = 100);
// One record of a producer.
BatchSpec from_producer(std::int64_t producer, std::int32_t sequence);

// Of make_batch({}).
std::uint64_t plain_batch_bytes();
// Two such batches fill a segment; nothing goes by age.
LogConfig two_a_segment();

class Reports : public DamageReporter {
 public:
  struct Cut {
    std::string file;
    std::uint64_t position;
    std::uint64_t bytes;
    std::string saved_as;
  };

  void damaged(const Damage& damage) override { damages.push_back(damage); }
  void cut(const std::string& file, std::uint64_t position, std::uint64_t bytes,
           const std::string& saved_as) override {
    cuts.push_back({file, position, bytes, saved_as});
  }
  void rebuilt(const std::string& file, const std::string& why) override {
    rebuilds.push_back(file + ": " + why);
  }
  void clear() { damages.clear(), cuts.clear(), rebuilds.clear(); }
  bool nothing() const { return damages.empty() && cuts.empty() && rebuilds.empty(); }

  std::vector<Damage> damages;
  std::vector<Cut> cuts;
  std::vector<std::string> rebuilds;
};

class LogHarness {
 public:
  explicit LogHarness(const LogConfig& first_config = {});
  ~LogHarness();

  // Opens with the last checkpoint(); the error, or none.
  ErrorCode try_open();
  void open();
  // Ends the process, or the power, and opens again.
  void restart();
  void lose_power(const CrashModel& model = CrashModel::power_loss());
  // Ends the process without opening again: to damage files in between.
  void end_process(const CrashModel& model = CrashModel::process_kill());

  // Appends as the leader of `epoch`; the batch has to be taken.
  AppendInfo append(const BatchSpec& spec = {});
  Result<AppendInfo> try_append(const BatchSpec& spec = {});
  // Stages as the leader of `epoch`; the batch stays where it is until it is written.
  Result<AppendInfo> try_stage(std::vector<std::byte>& batch);
  void append_many(int batches, const BatchSpec& spec = {});
  // All appended is durable, and readable.
  void sync();
  void checkpoint() {
    point = {.known = true, .log_start_is_exact = true, .state = log->checkpoint()};
  }
  void forget_checkpoint() { point = {}; }

  // Base offsets of the batches that a read gives; damage and I/O errors fail the test.
  std::vector<std::int64_t> read(std::int64_t from, std::int64_t end = INT64_MAX,
                                 std::uint64_t bytes_max = 1 << 30, bool at_least_one = true);
  Result<ReadResult> try_read(std::int64_t from, std::int64_t end = INT64_MAX,
                              std::uint64_t bytes_max = 1 << 30, bool at_least_one = true);
  // From the start to the end, in as many reads as it takes; each batch's bytes have to be good.
  std::vector<std::int64_t> read_all();
  std::vector<std::int64_t> batches_of(const ReadResult& result);

  // Whether a batch would be taken as one that is there already; a refusal is false.
  bool is_duplicate(std::int64_t producer, std::int32_t sequence);

  std::vector<std::string> files() { return disk.list(kDirectory).value(); }
  bool has(const std::string& path) { return disk.exists(path).value(); }
  std::uint64_t size_of(const std::string& path);
  std::vector<std::byte> bytes_of(const std::string& path);
  // Changes files as no log does; on the device as well.
  void cut_file(const std::string& path, std::uint64_t size);
  void write_file(const std::string& path, std::uint64_t position, ByteView bytes);
  void damage_file(const std::string& path, std::uint64_t position);

  SimDisk disk{1};
  Reports reports;
  LogConfig config;
  RecoveryPoint point;
  Timestamp now = kStartOfTests;
  LeaderEpoch epoch{0};
  std::unique_ptr<PartitionLog> log;
};

}  // namespace strandline
