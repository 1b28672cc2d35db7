// Mistakes made on purpose, in a program of their own: plant.py writes them into copies of the
// product's sources, which are compiled for strandline_sim_planted alone (plants.txt). The product
// carries no trace of them.
//
// Thread   set before a run
#pragma once

#include <string>
#include <string_view>

namespace strandline::cluster_sim {

// The number of the mistake that is made; -1: none.
inline int planted_bug = -1;

// False: there is no such mistake in this program.
bool take_plant(std::string_view name);
// Their names, separated by commas; empty: it has none.
std::string plant_names();

}  // namespace strandline::cluster_sim
