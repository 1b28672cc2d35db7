// Goes through everything that can happen to a partition within some bounds.
//
// Depth first, over whole states: each is looked at once, however many ways lead to it.
//
// Thread   one owner
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/search/world.h"

namespace strandline::partition_search {

struct SearchResult {
  bool complete = false;   // nothing within the bounds was left out
  std::string violation;   // empty: none
  std::vector<Event> way;  // to the violation, from the world at rest
  std::uint64_t states = 0;
  std::uint64_t steps = 0;
  std::uint64_t rests = 0;  // states in which all had come to its end
  std::size_t deepest = 0;
  std::set<std::string> outcomes;  // World::outcome() of those at rest
  std::set<std::string> seen;      // World::seen() of all steps
};

// states_max   it gives up there; 0: nowhere
SearchResult search(const Bounds& bounds, std::uint64_t states_max = 0);

}  // namespace strandline::partition_search
