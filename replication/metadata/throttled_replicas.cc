#include "replication/metadata/throttled_replicas.h"

#include <charconv>
#include <string>

#include "replication/metadata/config_def.h"

namespace strandline {
namespace {

// Takes a number that is not negative off the front.
std::optional<std::int32_t> take_number(std::string_view& text) {
  std::int32_t number = 0;
  const auto* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || number < 0) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(stopped - text.data()));
  return number;
}

}  // namespace

std::optional<ThrottledReplicas> ThrottledReplicas::parse(std::string_view text) {
  ThrottledReplicas found;
  for (const std::string& item : config_list(text)) {
    std::string_view rest = item;
    if (rest == "*") {
      found.all_ = true;
      continue;
    }
    const auto partition = take_number(rest);
    if (!partition || !rest.starts_with(':')) return std::nullopt;
    rest.remove_prefix(1);
    const auto broker = take_number(rest);
    if (!broker || !rest.empty()) return std::nullopt;
    found.named_.emplace(PartitionIndex{*partition}, BrokerId{*broker});
  }
  // "*" stands alone.
  if (found.all_ && !found.named_.empty()) return std::nullopt;
  return found;
}

bool is_throttled_replicas_config(std::string_view name) {
  return name == "leader.replication.throttled.replicas" ||
         name == "follower.replication.throttled.replicas";
}

}  // namespace strandline
