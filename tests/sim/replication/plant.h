// Mistakes made on purpose, around the cores: the simulation must find each.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace strandline::partition_sim {

enum class Plant : std::uint8_t {
  none,
  ack_before_sync,        // a follower says "flushed" when it has only appended
  ack_on_append,          // the leader answers acks=all at once
  cut_to_high_watermark,  // a follower trusts its own high watermark (before KIP-101)
  hide_epochs,            // a follower shows one epoch for all it has
  believe_old_image,      // a restarted broker leads on because an old image says so
  serve_readers_at_once,  // a new leader does not wait for its high watermark
  elect_anyone,           // the controller elects whoever is there
  compare_nothing,        // the controller takes ISR changes without comparing the partition epoch
  keep_leader_epoch,      // the controller does not count leaders
  hide_min_insync_replicas,  // the leader goes by its own, perhaps older, view of the topic's
                             // config
  count_late_acks  // the leader takes acknowledgements of any stream for the present one's
};

inline constexpr std::array<std::pair<std::string_view, Plant>, 12> kPlants{{
    {"none", Plant::none},
    {"ack-before-sync", Plant::ack_before_sync},
    {"ack-on-append", Plant::ack_on_append},
    {"cut-to-high-watermark", Plant::cut_to_high_watermark},
    {"hide-epochs", Plant::hide_epochs},
    {"believe-old-image", Plant::believe_old_image},
    {"serve-readers-at-once", Plant::serve_readers_at_once},
    {"elect-anyone", Plant::elect_anyone},
    {"compare-nothing", Plant::compare_nothing},
    {"keep-leader-epoch", Plant::keep_leader_epoch},
    {"hide-min-insync-replicas", Plant::hide_min_insync_replicas},
    {"count-late-acks", Plant::count_late_acks},
}};

inline std::optional<Plant> plant_from_name(std::string_view name) {
  for (const auto& [known, plant] : kPlants) {
    if (known == name) return plant;
  }
  return std::nullopt;
}

inline std::string plant_names() {
  std::string names;
  for (const auto& [name, plant] : kPlants)
    names += (names.empty() ? "" : ", ") + std::string{name};
  return names;
}

}  // namespace strandline::partition_sim
