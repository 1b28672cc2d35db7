#include "storage/checkpoint/data_directory.h"

#include <catch2/catch.hpp>

#include "protocol/base/errc.h"
#include "storage/checkpoint/guarded_file.h"
#include "storage/io/sim_disk.h"

namespace strandline {
namespace {

struct DirectoryHarness {
  Result<DataDirectory> open(const DataDirectory::Expectations& expectations = {}) {
    return DataDirectory::open(disk, "/data", expectations, prng, why);
  }
  bool why_says(const std::string& part) const { return why.find(part) != std::string::npos; }

  SimDisk disk{1};
  Prng prng{7};
  std::string why;
};

TEST_CASE("DataDirectory: a new one gets an identity and keeps it", "[checkpoint]") {
  DirectoryHarness t;
  DirectoryIdentity made;
  {
    const auto opened = t.open({.node_id = BrokerId{3}});
    made = opened.value().identity();
    CHECK(opened.value().is_new());
    CHECK(made.node_id == BrokerId{3});
    CHECK_FALSE(made.cluster_id.is_zero());
    CHECK_FALSE(made.directory_id.is_zero());
  }
  t.disk.crash(CrashModel::power_loss());
  const auto again = t.open();
  CHECK(again.value().identity() == made);
  CHECK_FALSE(again.value().is_new());
  CHECK(t.why.empty());
}

TEST_CASE("DataDirectory: one process at a time", "[checkpoint]") {
  DirectoryHarness t;
  const auto first = t.open();
  REQUIRE(first.has_value());
  CHECK(t.open().error() == Errc::directory_locked);
  CHECK(t.why_says("/data/lock"));
  CHECK(t.why_says("another process"));
}

TEST_CASE("DataDirectory: another cluster's or node's is refused, and both sides are named",
          "[checkpoint]") {
  DirectoryHarness t;
  const DirectoryIdentity identity = t.open().value().identity();
  CHECK(t.open({.cluster_id = make_uuid(t.prng)}).error() == Errc::foreign_directory);
  CHECK(t.why_says(to_text(identity.cluster_id)));
  CHECK(t.open({.node_id = BrokerId{5}}).error() == Errc::foreign_directory);
  CHECK(t.why_says("belongs to node 0, not to node 5"));
  CHECK(t.open({.cluster_id = identity.cluster_id, .node_id = BrokerId{0}}).has_value());
}

TEST_CASE("DataDirectory: a directory with other things in it is not taken over", "[checkpoint]") {
  DirectoryHarness t;
  REQUIRE(t.disk.create_directories("photos").has_value());
  CHECK(t.open().error() == Errc::foreign_directory);
  CHECK(t.why_says("photos/"));
  CHECK_FALSE(t.disk.exists("meta").value());
}

TEST_CASE("DataDirectory: a newer format is refused and its number told", "[checkpoint]") {
  DirectoryHarness t;
  const DirectoryIdentity newer{
      .format_version = 9, .cluster_id = make_uuid(t.prng), .directory_id = make_uuid(t.prng)};
  REQUIRE(replace_file(t.disk, "meta", {.magic = "SLDD", .version = 1},
                       as_bytes(encode_directory_identity(newer)))
              .has_value());
  CHECK(t.open().error() == Errc::unsupported_format);
  CHECK(t.why_says("directory format 9"));
  REQUIRE(replace_file(t.disk, "meta", {.magic = "SLDD", .version = 2}, {}).has_value());
  CHECK(t.open().error() == Errc::unsupported_format);
}

TEST_CASE("DataDirectory: an older format is raised, so that an older program refuses it",
          "[checkpoint]") {
  DirectoryHarness t;
  const DirectoryIdentity older{.format_version = 1,
                                .cluster_id = make_uuid(t.prng),
                                .node_id = BrokerId{4},
                                .directory_id = make_uuid(t.prng)};
  REQUIRE(replace_file(t.disk, "meta", {.magic = "SLDD", .version = 1},
                       as_bytes(encode_directory_identity(older)))
              .has_value());
  const auto opened = t.open();
  REQUIRE(opened.has_value());
  CHECK(opened.value().identity().format_version == kDirectoryFormatVersion);
  t.disk.crash(CrashModel::power_loss());
  const auto bytes = read_file(t.disk, "meta", {.magic = "SLDD", .version = 1});
  REQUIRE(bytes.has_value());
  const auto read = decode_directory_identity(bytes.value());
  REQUIRE(read.has_value());
  CHECK(read.value().format_version == kDirectoryFormatVersion);
  CHECK(read.value().cluster_id == older.cluster_id);
  CHECK(read.value().node_id == older.node_id);
  CHECK(read.value().directory_id == older.directory_id);
}

TEST_CASE("DataDirectory: a damaged identity is refused, and the lock is let go of",
          "[checkpoint]") {
  DirectoryHarness t;
  REQUIRE(t.open().has_value());
  REQUIRE(t.disk.flip_bit("meta", 20, 3, true));
  CHECK(t.open().error() == Errc::corrupt_file);
  CHECK(t.why_says("/data/meta is damaged"));
  REQUIRE(t.disk.flip_bit("meta", 20, 3, true));
  CHECK(t.open().has_value());
}

TEST_CASE("DataDirectory: a disk that fails is said to fail", "[checkpoint]") {
  DirectoryHarness t;
  t.disk.plan({.call = DiskCall::sync, .nth = 1});
  CHECK(t.open().error() == ErrorCode{5, boost::system::system_category()});
  CHECK(t.why_says("cannot read or write /data/meta"));
}

TEST_CASE("DataDirectory: a first start that crashed anywhere can be repeated",
          "[checkpoint][crash]") {
  for (int crash_at = 1; crash_at < 30; ++crash_at) {
    for (const auto& model : {CrashModel::power_loss(), CrashModel::power_loss_torn(),
                              CrashModel::power_loss_keeping_names(), CrashModel::process_kill()}) {
      DirectoryHarness t;
      int calls = 0;
      bool crashed = false;
      t.disk.on_operation([&](DiskCall, const std::string&) {
        if (++calls == crash_at) throw CrashNow{};
      });
      try {
        const auto opened = t.open();  // outside REQUIRE, which would catch CrashNow
        REQUIRE(opened.has_value());
      } catch (const CrashNow&) {
        crashed = true;
      }
      CHECK(crashed == (calls >= crash_at));
      t.disk.on_operation(nullptr);
      t.disk.crash(model);
      INFO("crash at call " << crash_at << ": " << t.why);
      REQUIRE(t.open().has_value());
    }
  }
}

}  // namespace
}  // namespace strandline
