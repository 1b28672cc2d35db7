#include "tests/sim/search/search.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "tests/sim/search/state_set.h"

namespace strandline::partition_search {
namespace {

// One world on the way, and what was not tried there yet.
struct Step {
  std::unique_ptr<World> world;
  std::vector<Event> events;
  std::size_t tried = 0;
};

class Search {
 public:
  explicit Search(std::uint64_t states_max) : states_max_(states_max) {}

  SearchResult run(const Bounds& bounds) {
    try {
      go_to(std::make_unique<World>(bounds));
      while (!way_.empty() && !is_too_much()) step();
      result_.complete = way_.empty();
    } catch (const partition_sim::Violation& violation) {
      result_.violation = violation.what;
      for (const Step& step : way_) result_.way.push_back(step.events.at(step.tried - 1));
    }
    result_.states = seen_.size();
    return result_;
  }

 private:
  bool is_too_much() const { return states_max_ != 0 && seen_.size() >= states_max_; }

  void step() {
    Step& here = way_.back();
    if (here.tried == here.events.size()) return way_.pop_back();
    const bool is_last = here.tried + 1 == here.events.size();
    const Event event = here.events[here.tried++];
    auto next = is_last ? std::move(here.world) : std::make_unique<World>(*here.world);
    next->run(event);
    ++result_.steps;
    if (!next->seen().empty()) result_.seen.insert(next->seen());
    go_to(std::move(next));
  }

  void go_to(std::unique_ptr<World> world) {
    if (!seen_.insert(world->fingerprint())) return;
    if (world->is_at_rest()) {
      ++result_.rests;
      world->check_rest();
      result_.outcomes.insert(world->outcome());
    }
    std::vector<Event> events = world->events();
    way_.push_back({std::move(world), std::move(events)});
    result_.deepest = std::max(result_.deepest, way_.size());
  }

  const std::uint64_t states_max_;
  StateSet seen_;
  std::vector<Step> way_;
  SearchResult result_;
};

}  // namespace

SearchResult search(const Bounds& bounds, std::uint64_t states_max) {
  return Search{states_max}.run(bounds);
}

}  // namespace strandline::partition_search
