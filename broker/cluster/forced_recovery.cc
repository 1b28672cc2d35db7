#include "broker/cluster/forced_recovery.h"

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "broker/cluster/rpc_addresses.h"
#include "broker/metadata/metadata_log.h"
#include "broker/partition/stray_keeper.h"
#include "broker/runtime/shard_loop.h"
#include "protocol/base/prng.h"
#include "replication/quorum/forced_recovery.h"
#include "storage/checkpoint/checkpoint.h"
#include "storage/checkpoint/data_directory.h"
#include "storage/io/posix_disk.h"

namespace strandline {
namespace {

// What it finds is told in the text.
class ToldDamage final : public DamageReporter {
 public:
  void damaged(const Damage& damage) override {
    text += "damaged: " + damage.file + ", expected " + damage.expected + ", found " +
            damage.found + "\n";
  }
  void cut(const std::string& file, std::uint64_t, std::uint64_t bytes,
           const std::string& saved_as) override {
    text += "cut " + std::to_string(bytes) + " bytes off " + file + ", kept as " + saved_as + "\n";
  }
  void rebuilt(const std::string&, const std::string&) override {}

  std::string text;
};

// The one record of the forced batch names the survivor alone. Behind it, all brokers are told to
// keep what nobody knows: topics that the others had created may be lost, and their records are not
// to be taken for those of deleted ones.
Result<void> carry_out(MetadataLog& log, ForcedQuorum& forced, const Voter& self) {
  const Timestamp now = wall_now();
  const std::vector<MetadataRecord> voters{record_of(VoterSet{{self}}, 0)};
  const std::vector<MetadataRecord> keep{ConfigRecord{.resource = ConfigResource::broker,
                                                      .name = std::string{kStrayKeepMs},
                                                      .value = std::to_string(kStrayKeptForEver)}};
  const QuorumBatch first =
      make_quorum_batch(voters, forced.batch.base_offset, forced.batch.epoch, now);
  const std::array batches{first,
                           make_quorum_batch(keep, first.next_offset, forced.batch.epoch, now)};
  STRANDLINE_TRYV(log.append(batches, now));
  STRANDLINE_TRYV(log.sync());
  return log.persist_vote(forced.vote);
}

ForcedRecovery failure(std::string text) {
  return {.done = false, .failed = true, .text = std::move(text)};
}

}  // namespace

ForcedRecovery recover_as_lone_voter(const Settings& settings, bool accept_loss) {
  auto disk = PosixDisk::open(settings.data, {.open_files_max = 64});
  if (!disk) return failure("cannot open '" + settings.data + "': " + disk.error().message());
  Prng prng{1};  // nothing is made up: a directory that is new is refused
  std::string why;
  const auto exists = disk.value()->exists("meta");
  if (!exists || !exists.value()) {
    return failure("'" + settings.data + "' is not the data directory of a broker");
  }
  auto directory = DataDirectory::open(
      *disk.value(), settings.data,
      {.cluster_id = {}, .node_id = BrokerId{settings.node_id}, .without_cluster = false}, prng,
      why);
  if (!directory) return failure(why);
  const DirectoryIdentity& identity = directory.value().identity();
  if (identity.cluster_id.is_zero()) return failure("it has joined no cluster: there is nothing");
  CheckpointReport report;
  auto checkpoint = Checkpoint::open(*disk.value(), report);
  if (!checkpoint) return failure("cannot read the checkpoint: " + checkpoint.error().message());
  const Voter self{{identity.node_id, identity.directory_id}, rpc_addresses(settings).advertise};
  ToldDamage damage;
  MetadataStart start{.quorum = {.vote = {}, .log = QuorumLog{{}, {}}, .incarnation = 0},
                      .snapshot = {}};
  auto log = MetadataLog::open(*disk.value(), *checkpoint.value(),
                               {.cluster_id = identity.cluster_id,
                                .self = self.key,
                                .rpc = self.rpc,
                                .joined = identity.joined},
                               wall_now(), damage, {}, start);
  if (!log) return failure("cannot read the metadata log: " + log.error().message());
  auto forced = force_lone_voter(start.quorum, self);
  if (!forced) return failure("the metadata log cannot be forced: " + forced.error().message());
  std::string text = damage.text + forced.value().loss.text();
  if (!accept_loss) return {.done = false, .failed = false, .text = std::move(text)};
  const Result<void> written = carry_out(*log.value(), forced.value(), self);
  if (!written) return failure(text + "it could not be written: " + written.error().message());
  return {.done = true, .failed = false, .text = std::move(text)};
}

}  // namespace strandline
