#include "tests/unit/storage/log/log_harness.h"

namespace strandline {

std::string file_of(std::int64_t base_offset, std::string_view suffix) {
  return std::string{kDirectory} + "/" + offset_file_stem(Offset{base_offset}) +
         std::string{suffix};
}

std::vector<std::byte> make_batch(const BatchSpec& spec) {
  BatchBuilder builder;
  const std::string value(spec.value_bytes, 'v');
  for (const std::int64_t time : spec.times) {
    builder.append({.value = as_bytes(value), .timestamp = Timestamp{time}});
  }
  BatchOptions options{.codec = spec.codec,
                       .base_offset = Offset{spec.base_offset},
                       .leader_epoch = LeaderEpoch{spec.leader_epoch}};
  if (spec.producer >= 0) {
    options.producer_id = ProducerId{spec.producer};
    options.producer_epoch = ProducerEpoch{0};
    options.base_sequence = Sequence{spec.sequence};
  }
  Compressor compressor;
  std::vector<std::byte> bytes;
  builder.build(options, compressor, bytes);
  return bytes;
}

BatchSpec records(std::size_t count, std::size_t value_bytes) {
  return {.times = std::vector<std::int64_t>(count, 1000), .value_bytes = value_bytes};
}

BatchSpec from_producer(std::int64_t producer, std::int32_t sequence) {
  return {.producer = producer, .sequence = sequence};
}

std::uint64_t plain_batch_bytes() {
  static const std::uint64_t bytes = make_batch({}).size();
  return bytes;
}

LogConfig two_a_segment() {
  return {.segment_bytes = static_cast<std::int64_t>(2 * plain_batch_bytes()), .retention_ms = -1};
}

LogHarness::LogHarness(const LogConfig& first_config) : config(first_config) {
  REQUIRE(disk.create_directories(kDirectory).has_value());
  REQUIRE(disk.sync_directory("").has_value());
  open();
  reports.clear();
}

LogHarness::~LogHarness() = default;

ErrorCode LogHarness::try_open() {
  auto opened = PartitionLog::open(disk, std::string{kDirectory}, config, point, now, reports);
  if (!opened) return opened.error();
  log = std::move(opened).value();
  return {};
}

void LogHarness::open() {
  const ErrorCode error = try_open();
  INFO(error.message());
  REQUIRE_FALSE(error);
}

void LogHarness::end_process(const CrashModel& model) {
  log.reset();
  disk.crash(model);
  disk.clear_faults();
  reports.clear();
}

void LogHarness::restart() {
  end_process();
  open();
}

void LogHarness::lose_power(const CrashModel& model) {
  end_process(model);
  open();
}

Result<AppendInfo> LogHarness::try_append(const BatchSpec& spec) {
  std::vector<std::byte> batch = make_batch(spec);
  return log->append_as_leader(batch, parse_batch(batch).value(), epoch, now);
}

AppendInfo LogHarness::append(const BatchSpec& spec) {
  const auto appended = try_append(spec);
  REQUIRE(appended.has_value());
  log->assert_invariants();
  return appended.value();
}

Result<AppendInfo> LogHarness::try_stage(std::vector<std::byte>& batch) {
  return log->stage_as_leader(batch, parse_batch(batch).value(), epoch, now);
}

void LogHarness::append_many(int batches, const BatchSpec& spec) {
  for (int i = 0; i < batches; ++i) append(spec);
}

void LogHarness::sync() {
  if (const auto job = log->begin_sync()) log->finish_sync(*job, run(*job));
  REQUIRE_FALSE(log->is_offline());
  REQUIRE(log->flushed_end() == log->log_end_offset());
  log->set_high_watermark(log->flushed_end());
}

Result<ReadResult> LogHarness::try_read(std::int64_t from, std::int64_t end,
                                        std::uint64_t bytes_max, bool at_least_one) {
  const ReadPlan plan = log->plan_read(Offset{from}, Offset{end}, bytes_max, at_least_one);
  auto result = execute(plan, ReadMode::nowait);
  if (result.has_value() || result.error() != Errc::would_block) return result;
  return execute(plan, ReadMode::blocking);
}

std::vector<std::int64_t> LogHarness::batches_of(const ReadResult& result) {
  std::vector<std::int64_t> bases;
  std::uint64_t bytes = 0;
  for (const FileSlice& slice : result.slices) {
    std::vector<std::byte> raw(slice.length);
    REQUIRE(slice.file->read_at(slice.position, raw).value() == slice.length);
    bytes += slice.length;
    for (ByteView rest = raw; !rest.empty();) {
      const auto header = parse_batch(rest);
      REQUIRE(header.has_value());  // a read never ends inside a batch
      REQUIRE(batch_crc_matches(rest.first(header.value().size_bytes())));
      bases.push_back(header.value().base_offset.value());
      rest = rest.subspan(header.value().size_bytes());
      if (rest.empty()) CHECK(header.value().next_offset() == result.next_offset);
    }
  }
  CHECK(bytes == result.bytes);
  return bases;
}

std::vector<std::int64_t> LogHarness::read(std::int64_t from, std::int64_t end,
                                           std::uint64_t bytes_max, bool at_least_one) {
  const auto result = try_read(from, end, bytes_max, at_least_one);
  REQUIRE(result.has_value());
  return batches_of(result.value());
}

std::vector<std::int64_t> LogHarness::read_all() {
  std::vector<std::int64_t> all;
  Offset from = log->log_start_offset();
  while (from < log->log_end_offset()) {
    const auto result = try_read(from.value());
    REQUIRE(result.has_value());
    REQUIRE(result.value().next_offset > from);
    for (const std::int64_t base : batches_of(result.value())) all.push_back(base);
    from = result.value().next_offset;
  }
  return all;
}

bool LogHarness::is_duplicate(std::int64_t producer, std::int32_t sequence) {
  const auto batch = make_batch(from_producer(producer, sequence));
  const auto checked = log->check_producer(parse_batch(batch).value());
  return checked.has_value() && checked.value().duplicate;
}

std::uint64_t LogHarness::size_of(const std::string& path) {
  return disk.open(path, OpenMode::read).value()->size().value();
}

std::vector<std::byte> LogHarness::bytes_of(const std::string& path) {
  std::vector<std::byte> bytes(size_of(path));
  REQUIRE(disk.open(path, OpenMode::read).value()->read_at(0, bytes).value() == bytes.size());
  return bytes;
}

void LogHarness::cut_file(const std::string& path, std::uint64_t size) {
  const auto file = disk.open(path, OpenMode::read_write).value();
  REQUIRE(file->truncate(size).has_value());
  REQUIRE(file->sync().has_value());
}

void LogHarness::write_file(const std::string& path, std::uint64_t position, ByteView bytes) {
  const auto file = disk.open(path, OpenMode::create_or_open).value();
  REQUIRE(file->write_at(position, bytes).has_value());
  REQUIRE(file->sync().has_value());
}

void LogHarness::damage_file(const std::string& path, std::uint64_t position) {
  REQUIRE(disk.open(path, OpenMode::read_write).value()->sync().has_value());
  REQUIRE(disk.flip_bit(path, position, 3, true));
}

}  // namespace strandline
