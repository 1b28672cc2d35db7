#include "tests/sim/cluster/network.h"

#include <algorithm>
#include <utility>

#include "protocol/base/errc.h"
#include "protocol/base/hash.h"
#include "tests/sim/cluster/world.h"

namespace strandline::cluster_sim {
namespace {

// RpcLimits::silence_max, and the tick in which it is noticed.
constexpr Duration kSilence = std::chrono::milliseconds{1600};

}  // namespace

Duration Network::latency() {
  const std::uint64_t more = slowness_us_ == 0 ? 0 : world_.prng().below(slowness_us_);
  return world_.between_us(60 + more, 300 + more);
}

// --- links

void Network::cut(int from, int to) {
  if (from == to || is_cut(from, to)) return;
  const std::uint64_t number = ++cuts_made_;
  cuts_[{from, to}] = number;
  world_.after(kSilence, [this, from, to, number] { check_silence(from, to, number); });
}

void Network::mend(int from, int to) {
  if (cuts_.erase({from, to}) == 0) return;
  std::vector<Place> waiting;
  for (const auto& [id, connection] : connections_) {
    for (const int end : {0, 1}) {
      const bool is_it = connection.ends[1 - end].host == from && connection.ends[end].host == to;
      if (is_it && !connection.ends[end].waiting.empty()) waiting.emplace_back(id, end);
    }
  }
  for (const auto& [id, end] : waiting) flush(id, end);
}

void Network::mend_all() {
  while (!cuts_.empty()) mend(cuts_.begin()->first.first, cuts_.begin()->first.second);
}

void Network::check_silence(int from, int to, std::uint64_t cut_number) {
  const auto still = cuts_.find({from, to});
  if (still == cuts_.end() || still->second != cut_number) return;
  for (const auto& [id, connection] : connections_) {
    for (const int end : {0, 1}) {
      const bool hears_nothing =
          connection.ends[1 - end].host == from && connection.ends[end].host == to;
      if (hears_nothing) break_end(id, end, RpcClose::silent, Duration{0});
    }
  }
}

void Network::on_quiet(Host& host) {
  world_.after(kSilence, [this, &host, life = host.life] {
    if (!host.paused || host.life != life) return;
    for (const auto& [id, connection] : connections_) {
      for (const int end : {0, 1}) {
        if (connection.ends[1 - end].host != host.id) continue;
        break_end(id, end, RpcClose::silent, Duration{0});
      }
    }
  });
}

void Network::on_death(Host& host, Death death) {
  close_listener(host);
  for (auto& [id, connection] : connections_) {
    for (const int end : {0, 1}) {
      End& its = connection.ends[end];
      if (its.host != host.id) continue;
      if (its.channel != nullptr) places_.erase(its.channel.get());
      its.channel = nullptr;
      its.receive = nullptr;
      const bool is_told =
          death == Death::process && !is_cut(host.id, connection.ends[1 - end].host);
      break_end(id, 1 - end, is_told ? RpcClose::broken : RpcClose::silent,
                is_told ? latency() : kSilence);
    }
  }
  std::erase_if(connections_, [&](const auto& entry) {
    return entry.second.ends[0].channel == nullptr && entry.second.ends[1].channel == nullptr;
  });
}

// --- connections

Host* Network::host_at(const HostPort& address) const {
  const int id = static_cast<int>(address.port) - 9000;
  return id >= 1 && id <= hosts_ ? &world_.host(id) : nullptr;
}

void Network::listen(Host& host, std::function<void(int)> accept) {
  listeners_[host.id] = std::move(accept);
}

void Network::close_listener(Host& host) { listeners_.erase(host.id); }

void Network::connect(Host& from, const HostPort& to, std::function<void(int)> connected,
                      std::function<void()> refused) {
  Host* const there = host_at(to);
  if (there == nullptr || is_cut(from.id, there->id) || is_cut(there->id, from.id)) return;
  const Instant arrives = world_.now() + latency();
  if (!listeners_.contains(there->id)) {
    return world_.at_host(from, arrives + latency(), std::move(refused));
  }
  const std::uint64_t id = ++connections_made_;
  Connection& connection = connections_[id];
  connection.ends[0].host = from.id;
  connection.ends[0].life = from.life;
  connection.ends[1].host = there->id;
  connection.ends[1].life = there->life;
  world_.at_host(*there, arrives, [this, id, there] {
    const auto listener = listeners_.find(there->id);
    if (listener != listeners_.end() && connections_.contains(id)) {
      listener->second(handle_of(id, 1));
    }
  });
  world_.at_host(from, arrives + latency(), [this, id, connected = std::move(connected)] {
    if (connections_.contains(id)) connected(handle_of(id, 0));
  });
}

void Network::attach(int handle, const std::shared_ptr<RpcChannel>& channel, Receive receive) {
  const Place place{static_cast<std::uint64_t>(handle) / 2, handle % 2};
  const auto found = connections_.find(place.first);
  if (found == connections_.end()) return;
  End& end = found->second.ends[place.second];
  end.channel = channel;
  end.receive = std::move(receive);
  places_[channel.get()] = place;
  if (!end.waiting.empty()) flush(place.first, place.second);
}

int Network::detach(RpcChannel& channel) {
  const Place place = places_.at(&channel);
  places_.erase(&channel);
  End& end = connections_.at(place.first).ends[place.second];
  end.channel = nullptr;
  end.receive = nullptr;
  return handle_of(place.first, place.second);
}

void Network::send(RpcChannel& from, Bytes frame, bool is_one_way) {
  const auto found = places_.find(&from);
  if (found == places_.end()) return;
  const std::uint64_t id = found->second.first;
  const int to = 1 - found->second.second;
  End& there = connections_.at(id).ends[to];
  ++stats_.messages;
  world_.mix(xxh3(*frame));
  Prng& prng = world_.prng();
  const auto happens = [&] { return is_one_way && prng.below(1000) < loss_per_mille_; };
  if (loss_per_mille_ > 0 && happens()) {
    ++stats_.lost;
    return;
  }
  const auto plan = [&](Instant when) {
    Host& host = world_.host(there.host);
    world_.at_host(host, when, [this, id, to, frame] { deliver(id, to, frame); });
  };
  if (loss_per_mille_ > 0 && happens()) {
    ++stats_.overtaken;
    return plan(world_.now() + world_.between_us(1000, 600'000));
  }
  there.last = std::max(there.last, world_.now() + latency());
  plan(there.last);
  if (loss_per_mille_ > 0 && happens()) {
    ++stats_.doubled;
    plan(world_.now() + world_.between_us(1000, 600'000));
  }
}

void Network::deliver(std::uint64_t id, int end, const Bytes& frame) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  End& here = found->second.ends[end];
  const bool must_wait = here.channel == nullptr || !here.waiting.empty() ||
                         is_cut(found->second.ends[1 - end].host, here.host);
  if (must_wait) {
    here.waiting.push_back(frame);
    return;
  }
  // The channel may go while it works on the frame.
  const Receive receive = here.receive;
  const std::shared_ptr<RpcChannel> channel = here.channel;
  receive(*frame);
}

void Network::flush(std::uint64_t id, int end) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  End& here = found->second.ends[end];
  for (Bytes& frame : std::exchange(here.waiting, {})) {
    here.last = std::max(here.last, world_.now() + latency());
    world_.at_host(world_.host(here.host), here.last,
                   [this, id, end, frame = std::move(frame)] { deliver(id, end, frame); });
  }
}

void Network::break_end(std::uint64_t id, int end, RpcClose reason, Duration delay) {
  const End& there = connections_.at(id).ends[end];
  world_.at_host(world_.host(there.host), world_.now() + delay, [this, id, end, reason] {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    const std::shared_ptr<RpcChannel> channel = found->second.ends[end].channel;
    if (channel == nullptr) return;
    ++stats_.broken;
    channel->close(reason, reason == RpcClose::silent
                               ? make_error_code(Errc::rpc_peer_silent)
                               : ErrorCode{ECONNRESET, boost::system::system_category()});
  });
}

void Network::closed(RpcChannel& channel) {
  const auto found = places_.find(&channel);
  if (found == places_.end()) return;
  const auto [id, end] = found->second;
  places_.erase(found);
  Connection& connection = connections_.at(id);
  connection.ends[end].channel = nullptr;
  connection.ends[end].receive = nullptr;
  const End& other = connection.ends[1 - end];
  const bool is_told = !is_cut(connection.ends[end].host, other.host);
  // What was sent before comes before.
  const Duration delay = std::max(latency(), other.last - world_.now() + Duration{1});
  if (other.channel != nullptr) {
    break_end(id, 1 - end, is_told ? RpcClose::peer : RpcClose::silent, is_told ? delay : kSilence);
  } else {
    connections_.erase(id);
  }
}

}  // namespace strandline::cluster_sim
