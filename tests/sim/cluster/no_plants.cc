#include "tests/sim/cluster/plants.h"

namespace strandline::cluster_sim {

bool take_plant(std::string_view name) { return name == "none"; }
std::string plant_names() { return "none"; }

}  // namespace strandline::cluster_sim
