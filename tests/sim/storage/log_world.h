// One partition log on a simulated disk, with a checkpoint and producers that retry, beside a model
// of what it must hold. Every action checks what it can against the model.
//
// Thread   one owner
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/prng.h"
#include "protocol/record/compression.h"
#include "storage/checkpoint/checkpoint.h"
#include "storage/io/sim_disk.h"
#include "storage/log/partition_log.h"
#include "tests/sim/storage/log_model.h"

namespace strandline::sim {

// A mistake made on purpose: the simulation must find each.
enum class Plant : std::uint8_t {
  none,
  ack_before_sync,           // the broker answers when the batch is appended
  sync_lies,                 // fdatasync says "done" and does nothing
  directory_sync_lies,       // names are never made durable
  forget_producers,          // the producers' state does not survive a restart
  sync_again_after_failure,  // a failed sync is tried again and believed
};
std::optional<Plant> plant_from_name(std::string_view name);
std::string plant_names();

struct WorldStats {
  std::uint64_t steps = 0;
  std::uint64_t appends = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t syncs = 0;
  std::uint64_t rolls = 0;
  std::uint64_t crashes = 0;
  std::uint64_t crashes_in_recovery = 0;
  std::uint64_t cuts = 0;
  std::uint64_t reads = 0;
  std::uint64_t truncations = 0;
  std::uint64_t dropped_segments = 0;
  void add(const WorldStats& other);
};

class LogWorld final : public DamageReporter {
 public:
  struct Options {
    Plant plant = Plant::none;
    int producers = 3;
    bool trace = false;  // tell each action on stderr
  };

  LogWorld(std::uint64_t seed, const Options& options);
  ~LogWorld() override;

  // Opens checkpoint and log, and holds what recovery made of them against the model. May be ended
  // by CrashNow like any action.
  void open();
  bool is_open() const { return log_ != nullptr; }

  // Ends the process at this point, then takes from the disk what the model says.
  void crash(const CrashModel& model);

  void append(int producer);        // a new batch, as the next of its producer
  void append_again(int producer);  // one it has sent before
  void append_gap(int producer);    // one that leaves a gap: to be refused
  void append_plain();              // without a producer id
  void append_group();              // several of all kinds, in one write
  void begin_sync();
  void finish_sync();
  void sync() { begin_sync(), finish_sync(); }
  void checkpoint();
  void producer_snapshot();
  void write_indexes();
  void remove_dropped_files();
  void delete_records();
  void note_log_start();
  void apply_retention();
  void truncate();
  void read();
  void read_all();
  void find_by_time();
  void clean_restart();

  SimDisk& disk() { return disk_; }
  Prng& prng() { return prng_; }
  PartitionLog& log() { return *log_; }
  const LogModel& model() const { return model_; }
  const WorldStats& stats() const { return stats_; }
  void pass_time(std::int64_t ms) { now_ = now_ + ms; }
  // A sync failed or the disk did: the process ends here and starts again.
  bool wants_restart() const { return log_ != nullptr && log_->is_offline(); }
  void set_lossless(bool lossless) { lossless_ = lossless; }

  void damaged(const Damage& damage) override;
  void cut(const std::string& file, std::uint64_t position, std::uint64_t bytes,
           const std::string& saved_as) override;
  void rebuilt(const std::string& file, const std::string& why) override;

 private:
  struct Sent {
    std::vector<std::byte> bytes;  // as the producer made it
    Offset base_offset = kNoOffset;
    Offset next_offset = kNoOffset;  // kNoOffset: no answer yet
  };
  struct Producer {
    ProducerId id = kNoProducerId;
    ProducerEpoch epoch{0};
    Sequence next_sequence{0};
    std::deque<Sent> unacknowledged;
    std::deque<Sent> acknowledged;  // the newest few
  };

  // Has its place in the log, and is not written yet.
  struct Staged {
    std::vector<std::byte> bytes;
    AppendInfo place;
    Sent* sent;  // none: without a producer
  };

  std::vector<std::byte> make_batch(const Producer* producer);
  // The next of a producer; none while it has too many without an answer.
  Sent* make_sent(Producer& producer);
  // True when it was appended or known as a duplicate; false when the disk refused.
  bool send(Producer& producer, Sent& sent, bool must_be_duplicate);
  // Both false when the disk refused: nothing that was staged is in the log then.
  bool stage(std::vector<std::byte> bytes, Sent* sent);
  bool write_staged();
  void acknowledge(Offset end);
  void retry_unacknowledged();
  void check_recovered();
  void check_producers();
  std::vector<ModelBatch> read_range(Offset from, Offset end);
  std::vector<std::byte> bytes_of(const ReadResult& result);
  void must(const Result<void>& result, const char* what);
  void note(const std::string& what);
  Offset random_boundary(Offset from, Offset to);

  SimDisk disk_;
  Prng prng_;
  const Options options_;
  LogConfig config_;
  Compressor compressor_;
  LogModel model_;
  std::unique_ptr<Checkpoint> checkpoint_;
  std::unique_ptr<PartitionLog> log_;
  std::optional<SyncJob> sync_job_;
  std::vector<Producer> producers_;
  std::vector<Staged> staged_;
  Timestamp now_{1'700'000'000'000};
  LeaderEpoch leader_epoch_{0};
  Offset durable_log_start_{0};  // what the checkpoint is known to hold
  Offset highest_log_start_{0};
  Offset forgettable_below_{0};  // batches of producers: the log has begun there at some time
  bool lossless_ = true;         // the last crash took nothing from the disk, and no fault did
  bool truncated_since_sync_ = false;
  bool recovering_ = false;
  bool restarted_ = false;  // producers are sending again what had no answer
  std::vector<std::string> damage_;
  WorldStats stats_;
};

}  // namespace strandline::sim
