// The directory of one partition: whose it is, and how it goes.
//
// A partition's directory is `<topic>-<index>`; `partition.metadata` in it holds the topic's id, so
// that a topic deleted and made anew under the same name never sees the old records. A directory
// that is to go is first renamed to `<topic id>.<index>-delete`: from then on nobody takes it for
// the partition, and a start finishes what a crash interrupted. (The topic's name is left out: it
// may be as long as a file name may.) One that belongs to another topic id and is in the way is
// kept as `<that id>.<index>-stray` for people to decide on: the topic may have been deleted while
// this directory could not be, or the records of its creation may have been lost.
//
// Thread   any; renames of one process are kept apart by a lock
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "protocol/base/clock.h"
#include "protocol/base/ids.h"
#include "protocol/base/result.h"
#include "protocol/base/uuid.h"
#include "protocol/proto/storage_records.h"
#include "storage/io/disk.h"
#include "storage/log/log_types.h"

namespace strandline {

std::string partition_directory(const std::string& topic, PartitionIndex partition);

// Makes sure that `directory` is there and is this topic's. Waits for the disk. Never removes
// records, whoever they belong to.
//
// Errors   corrupt_file   it holds records and does not say whose: damage, which was reported
//          any I/O code
Result<void> claim_partition_directory(Disk& disk, const std::string& directory,
                                       const Uuid& topic_id, DamageReporter& reporter);

// Puts a directory whose records are damaged out of the way, for people, as
// `<topic id>.<index>-damaged-<time>`, and makes an empty one that says that its log lacks records.
// Waits for the disk.
//
// Errors   corrupt_file   the directory is not this topic's; any I/O code
Result<void> replace_damaged_directory(Disk& disk, const std::string& directory,
                                       const Uuid& topic_id, Timestamp now,
                                       DamageReporter& reporter);

// Whether the log lacks records that it once had, and has not got them back yet. Wait for the disk.
Result<bool> lacks_records(Disk& disk, const std::string& directory);
Result<void> has_all_records_again(Disk& disk, const std::string& directory);

// What the data directory holds beside the directories that are known to be this broker's.
struct UnknownDirectories {
  struct Owned {
    std::string directory;
    PartitionKey key;  // by what its partition.metadata says
  };
  std::vector<Owned> owned;
  std::vector<std::string> nameless;  // partition directories that do not say whose they are
};

// Looks at all of them but those in `known`, the metadata log's, and those put aside already. Waits
// for the disk.
//
// Errors   any I/O code
Result<UnknownDirectories> find_unknown_directories(Disk& disk, const std::set<std::string>& known);

// Puts a directory out of the way as `<topic id>.<index>-stray`, or with a number behind that when
// there is one already; returns its name then, or "" when it does not belong to `topic_id`. Waits
// for the disk.
Result<std::string> put_stray_aside(Disk& disk, const std::string& directory, const Uuid& topic_id);

// What was put aside.
struct StrayDirectory {
  std::string directory;
  PartitionKey key;
  Timestamp since;
  std::uint64_t bytes = 0;
};

// All of them. One that does not say since when it is one is so since `now`, and says so from here
// on. Waits for the disk.
//
// known    from an earlier call: nothing changes in them, so they are not looked into again
// Errors   any I/O code
Result<std::vector<StrayDirectory>> list_strays(Disk& disk, Timestamp now,
                                                const std::vector<StrayDirectory>& known = {});
// Removes one of them. Waits for the disk.
Result<void> remove_stray(Disk& disk, const std::string& directory);

// Removes the directory with all that is in it, if it belongs to `topic_id`; returns whether it
// did. Waits for the disk.
Result<bool> remove_partition_directory(Disk& disk, const std::string& directory,
                                        const Uuid& topic_id);

// Finishes the removals that a crash interrupted. Waits for the disk.
Result<void> remove_doomed_directories(Disk& disk);

}  // namespace strandline
