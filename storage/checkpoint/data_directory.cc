#include "storage/checkpoint/data_directory.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

#include "protocol/base/assertion.h"
#include "protocol/base/errc.h"
#include "storage/checkpoint/guarded_file.h"

namespace strandline {
namespace {

constexpr FileKind kMetaKind{.magic = "SLDD", .version = 1};
constexpr std::string_view kMetaName = "meta";
constexpr std::string_view kLockName = "lock";
constexpr std::string_view kCleanName = "clean";
constexpr FileKind kCleanKind{.magic = "SLCL", .version = 1};

// What may lie in a directory that nobody has used yet: our lock, the unfinished file of a first
// start that crashed, and what mkfs leaves in the root of a file system.
constexpr std::array<std::string_view, 3> kNamesOfEmpty{kLockName, "meta.tmp", "lost+found/"};

Result<std::optional<std::string>> first_foreign_name(Disk& disk) {
  STRANDLINE_TRY(auto names, disk.list(""));
  for (std::string& name : names) {
    if (std::find(kNamesOfEmpty.begin(), kNamesOfEmpty.end(), name) == kNamesOfEmpty.end()) {
      return std::optional{std::move(name)};
    }
  }
  return std::optional<std::string>{};
}

Result<DirectoryIdentity> make_identity(Disk& disk, const std::string& directory,
                                        const DataDirectory::Expectations& expectations, Prng& prng,
                                        std::string& why) {
  STRANDLINE_TRY(const auto foreign, first_foreign_name(disk));
  if (foreign.has_value()) {
    why = directory + " is not empty (it has " + *foreign +
          ") and has no 'meta' file, so it is no data directory of Strandline; name an empty one, "
          "or restore 'meta' from a backup if it was one";
    return Errc::foreign_directory;
  }
  DirectoryIdentity identity{.format_version = kDirectoryFormatVersion};
  if (expectations.without_cluster) {
    identity.joined = true;
  } else {
    identity.cluster_id = expectations.cluster_id.value_or(make_uuid(prng));
  }
  identity.node_id = expectations.node_id.value_or(BrokerId{0});
  identity.directory_id = make_uuid(prng);
  const std::string payload = encode_directory_identity(identity);
  STRANDLINE_TRYV(replace_file(disk, kMetaName, kMetaKind, as_bytes(payload)));
  return identity;
}

Result<DirectoryIdentity> read_identity(Disk& disk, const std::string& directory,
                                        std::string& why) {
  const auto payload = read_file(disk, kMetaName, kMetaKind);
  const auto identity =
      payload.has_value() ? decode_directory_identity(payload.value()) : payload.error();
  if (identity.has_value() && identity.value().format_version <= kDirectoryFormatVersion) {
    return identity;
  }
  if (identity.has_value() || identity.error() == Errc::unsupported_format) {
    why = directory + "/meta was written by a newer version of Strandline" +
          (identity.has_value()
               ? " (directory format " + std::to_string(identity.value().format_version) +
                     "; this program reads up to " + std::to_string(kDirectoryFormatVersion) + ")"
               : std::string{}) +
          "; start that version again, or use another data directory";
    return Errc::unsupported_format;
  }
  if (identity.error() == Errc::corrupt_file) {
    why = directory +
          "/meta is damaged (its checksum does not match); restore it from a backup: without it "
          "nobody can tell which cluster and node the data belongs to";
  }
  return identity.error();
}

Result<void> check_identity(const DirectoryIdentity& identity, const std::string& directory,
                            const DataDirectory::Expectations& expectations, std::string& why) {
  if (expectations.cluster_id.has_value() && *expectations.cluster_id != identity.cluster_id) {
    why = directory + " belongs to cluster " + to_text(identity.cluster_id) + ", not to " +
          to_text(*expectations.cluster_id) + "; name the data directory of this cluster";
    return Errc::foreign_directory;
  }
  if (expectations.node_id.has_value() && *expectations.node_id != identity.node_id) {
    why = directory + " belongs to node " + std::to_string(identity.node_id.value()) +
          ", not to node " + std::to_string(expectations.node_id->value()) +
          "; correct node.id or data";
    return Errc::foreign_directory;
  }
  return success();
}

}  // namespace

DataDirectory::DataDirectory(Disk& disk, std::unique_ptr<DirectoryLock> lock,
                             const DirectoryIdentity& identity, bool is_new)
    : disk_(&disk), lock_(std::move(lock)), identity_(identity), is_new_(is_new) {}

Result<bool> DataDirectory::take_clean_mark() {
  STRANDLINE_TRY(const bool is_clean, disk_->exists(kCleanName));
  if (!is_clean) return false;
  STRANDLINE_TRYV(disk_->remove(kCleanName));
  STRANDLINE_TRYV(disk_->sync_directory(""));
  return true;
}

Result<void> DataDirectory::leave_clean_mark() {
  return replace_file(*disk_, kCleanName, kCleanKind, {});
}

Result<void> DataDirectory::adopt(const Uuid& cluster_id, bool joined) {
  STRANDLINE_ASSERT(identity_.cluster_id.is_zero());
  DirectoryIdentity adopted = identity_;
  adopted.cluster_id = cluster_id;
  adopted.joined = joined;
  STRANDLINE_TRYV(
      replace_file(*disk_, kMetaName, kMetaKind, as_bytes(encode_directory_identity(adopted))));
  identity_ = adopted;
  return success();
}

Result<DataDirectory> DataDirectory::open(Disk& disk, const std::string& directory_name,
                                          const Expectations& expectations, Prng& prng,
                                          std::string& why) {
  why.clear();
  auto lock = disk.lock(kLockName);
  if (!lock.has_value()) {
    why = lock.error() == Errc::directory_locked
              ? directory_name + " is in use by another process (it holds " + directory_name +
                    "/lock); stop that one or name another data directory"
              : "cannot lock " + directory_name + "/lock: " + lock.error().message();
    return lock.error();
  }
  const auto fail_with = [&](const ErrorCode& error) {
    if (why.empty()) why = "cannot read or write " + directory_name + "/meta: " + error.message();
    return error;
  };
  const auto exists = disk.exists(kMetaName);
  if (!exists.has_value()) return fail_with(exists.error());
  const auto identity = exists.value()
                            ? read_identity(disk, directory_name, why)
                            : make_identity(disk, directory_name, expectations, prng, why);
  if (!identity.has_value()) return fail_with(identity.error());
  STRANDLINE_TRYV(check_identity(identity.value(), directory_name, expectations, why));
  if (identity.value().format_version < kDirectoryFormatVersion) {
    auto raised = identity.value();
    raised.format_version = kDirectoryFormatVersion;
    const auto written =
        replace_file(disk, kMetaName, kMetaKind, as_bytes(encode_directory_identity(raised)));
    if (!written.has_value()) return fail_with(written.error());
    return DataDirectory{disk, std::move(lock).value(), raised, false};
  }
  return DataDirectory{disk, std::move(lock).value(), identity.value(), !exists.value()};
}

}  // namespace strandline
