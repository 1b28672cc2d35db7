// DescribeLogDirs (35): data directories, and how much of them each partition takes.
//
// Thread   values
// Owns     a request borrows strings from its frame
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/errc.h"
#include "protocol/base/ids.h"
#include "protocol/wire/api.h"
#include "protocol/wire/field.h"

namespace strandline::wire {

inline constexpr ApiInfo kDescribeLogDirsApi{
    .key = ApiKey::describe_log_dirs,
    .name = "DescribeLogDirs",
    .announce = Announce::yes,
    .announced = {1, 4},
    .served = {1, 4},
    .flexible_since = 2,
    .access = Access::needs({{ResourceType::cluster, Operation::describe}}),
};

struct DescribeLogDirsRequest {
  static constexpr const char* kName = "DescribeLogDirsRequest";
  static constexpr const ApiInfo& kApi = kDescribeLogDirsApi;

  struct Topic {
    std::string_view name;
    std::vector<PartitionIndex> partitions;

    template <class V>
    static constexpr void describe(V& v) {
      v("topic", &Topic::name);
      v("partitions", &Topic::partitions);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  std::optional<std::vector<Topic>> topics;  // null: all

  template <class V>
  static constexpr void describe(V& v) {
    v("topics", &DescribeLogDirsRequest::topics, nullable());
  }
  friend bool operator==(const DescribeLogDirsRequest&, const DescribeLogDirsRequest&) = default;
};

struct DescribeLogDirsResponse {
  static constexpr const char* kName = "DescribeLogDirsResponse";
  static constexpr const ApiInfo& kApi = kDescribeLogDirsApi;

  struct Partition {
    PartitionIndex index{};
    std::int64_t size_bytes = 0;
    std::int64_t offset_lag = 0;
    bool is_future_key = false;

    template <class V>
    static constexpr void describe(V& v) {
      v("partition_index", &Partition::index);
      v("partition_size", &Partition::size_bytes);
      v("offset_lag", &Partition::offset_lag);
      v("is_future_key", &Partition::is_future_key);
    }
    friend bool operator==(const Partition&, const Partition&) = default;
  };

  struct Topic {
    std::string name;
    std::vector<Partition> partitions;

    template <class V>
    static constexpr void describe(V& v) {
      v("name", &Topic::name);
      v("partitions", &Topic::partitions);
    }
    friend bool operator==(const Topic&, const Topic&) = default;
  };

  struct LogDir {
    Errc error_code = Errc::ok;
    std::string path;
    std::vector<Topic> topics;
    std::int64_t total_bytes = -1;   // of the file system; -1 not known
    std::int64_t usable_bytes = -1;  // the same

    template <class V>
    static constexpr void describe(V& v) {
      v("error_code", &LogDir::error_code);
      v("log_dir", &LogDir::path);
      v("topics", &LogDir::topics);
      v("total_bytes", &LogDir::total_bytes, since(4));
      v("usable_bytes", &LogDir::usable_bytes, since(4));
    }
    friend bool operator==(const LogDir&, const LogDir&) = default;
  };

  std::int32_t throttle_time_ms = 0;
  Errc error_code = Errc::ok;
  std::vector<LogDir> log_dirs;

  template <class V>
  static constexpr void describe(V& v) {
    v("throttle_time_ms", &DescribeLogDirsResponse::throttle_time_ms);
    v("error_code", &DescribeLogDirsResponse::error_code, since(3));
    v("results", &DescribeLogDirsResponse::log_dirs);
  }
  friend bool operator==(const DescribeLogDirsResponse&, const DescribeLogDirsResponse&) = default;
};

}  // namespace strandline::wire
