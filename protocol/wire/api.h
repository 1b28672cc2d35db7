// What is known of an API without looking into its messages: key, name, versions, and what a caller
// must be allowed to do. Every request and response names its ApiInfo (kApi); none compiles
// without.
//
// Thread   constants
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace strandline::wire {

// The APIs described here. Numbers are the protocol's; a frame may carry any other.
enum class ApiKey : std::int16_t {
  produce = 0,
  fetch = 1,
  list_offsets = 2,
  metadata = 3,
  find_coordinator = 10,
  api_versions = 18,
  create_topics = 19,
  delete_topics = 20,
  delete_records = 21,
  init_producer_id = 22,
  offset_for_leader_epoch = 23,
  describe_configs = 32,
  alter_configs = 33,
  describe_log_dirs = 35,
  create_partitions = 37,
  elect_leaders = 43,
  incremental_alter_configs = 44,
  alter_partition_reassignments = 45,
  list_partition_reassignments = 46,
  describe_cluster = 60,
  describe_producers = 61,
  list_config_resources = 74,
  describe_topic_partitions = 75,
};

// Numbers as in access control lists on the wire.
enum class ResourceType : std::int8_t {
  topic = 2,
  group = 3,
  cluster = 4,
  transactional_id = 5,
};

enum class Operation : std::int8_t {
  read = 3,
  write = 4,
  create = 5,
  remove = 6,  // DELETE
  alter = 7,
  describe = 8,
  cluster_action = 9,
  describe_configs = 10,
  alter_configs = 11,
  idempotent_write = 12,
};

std::string_view resource_type_name(ResourceType type);  // "topic"
std::string_view operation_name(Operation operation);    // "DELETE"

struct AccessRule {
  ResourceType resource;
  Operation operation;
};

// What a request needs, and on what. Has no default on purpose: an API whose author did not say
// what it takes to call it must not compile.
class Access {
 public:
  // Anybody, before authentication even.
  static consteval Access open() { return Access{}; }

  // `when` says in words how the rules go together ("topic for topics, cluster for brokers").
  template <std::size_t N>
  static consteval Access needs(const AccessRule (&rules)[N], const char* when = "") {
    static_assert(N >= 1 && N <= kRulesMax);
    Access access;
    for (std::size_t i = 0; i < N; ++i) access.rules_[i] = rules[i];
    access.count_ = N;
    access.when_ = when;
    return access;
  }

  constexpr bool is_open() const { return count_ == 0; }
  constexpr std::size_t size() const { return count_; }
  constexpr const AccessRule& operator[](std::size_t i) const { return rules_[i]; }
  constexpr std::string_view when() const { return when_; }

 private:
  static constexpr std::size_t kRulesMax = 3;

  consteval Access() = default;

  std::array<AccessRule, kRulesMax> rules_{};
  std::size_t count_ = 0;
  const char* when_ = "";
};

struct VersionRange {
  std::int16_t first;
  std::int16_t last;

  constexpr bool contains(std::int16_t version) const {
    return first <= version && version <= last;
  }
  friend constexpr bool operator==(VersionRange, VersionRange) = default;
};

// Whether ApiVersions names an API. Some are answered only to refuse them in good form.
enum class Announce : bool { no, yes };

inline constexpr std::int16_t kNeverFlexible = 0x7fff;

struct ApiInfo {
  ApiKey key;
  const char* name;
  Announce announce;
  VersionRange announced;  // what ApiVersions says
  VersionRange served;     // what is decoded; the announced range may begin lower, see Produce
  std::int16_t flexible_since;
  Access access;
  // ApiVersions answers with header v0 even when flexible: its client does not know us yet.
  bool plain_response_header = false;

  constexpr bool is_flexible(std::int16_t version) const { return version >= flexible_since; }
};

}  // namespace strandline::wire
