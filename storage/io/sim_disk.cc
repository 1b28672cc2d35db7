#include "storage/io/sim_disk.h"

#include <algorithm>
#include <cerrno>

#include "protocol/base/errc.h"
#include "storage/io/path.h"
#include "storage/io/sim_node.h"

namespace strandline {
namespace {

ErrorCode system_error(int number) { return {number, boost::system::system_category()}; }

std::string_view name_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

// After a power loss the names on the device are all there is.
void crash_node(SimDisk::Node& node, const CrashModel& model, Prng& prng) {
  if (!node.is_directory) {
    node.content.crash(model.bytes, prng);
    return;
  }
  node.names = node.durable_names;
  for (auto& [name, child] : node.names) crash_node(*child, model, prng);
}

std::uint64_t bytes_below(const SimDisk::Node& node) {
  if (!node.is_directory) return node.content.size();
  std::uint64_t sum = 0;
  for (const auto& [name, child] : node.names) sum += bytes_below(*child);
  return sum;
}

}  // namespace

class SimLock final : public DirectoryLock {
 public:
  SimLock(SimDisk& disk, std::string path)
      : disk_(disk), path_(std::move(path)), generation_(disk.generation_) {}
  ~SimLock() override {
    const std::lock_guard lock{disk_.mutex_};
    if (generation_ == disk_.generation_) disk_.locks_.erase(path_);
  }

 private:
  SimDisk& disk_;
  std::string path_;
  std::uint64_t generation_;
};

std::string_view disk_call_name(DiskCall call) {
  static constexpr std::array<std::string_view, kDiskCalls> kNames{
      "open",        "read",           "write",    "sync",
      "size",        "truncate",       "allocate", "create_directories",
      "list",        "exists",         "rename",   "remove",
      "remove_tree", "sync_directory", "lock"};
  return kNames[static_cast<std::size_t>(call)];
}

SimDisk::SimDisk(std::uint64_t seed) : prng_(seed), root_(std::make_shared<Node>()) {
  root_->is_directory = true;
}

SimDisk::~SimDisk() = default;

Result<void> SimDisk::begin(DiskCall call, const std::string& path,
                            std::unique_lock<std::mutex>& lock) {
  Hook hook;
  {
    const std::lock_guard guard{mutex_};
    if (halted_) return system_error(EIO);
    hook = hook_;
  }
  if (hook) {
    try {
      hook(call, path);
    } catch (...) {
      const std::lock_guard guard{mutex_};
      halted_ = true;
      throw;
    }
  }
  lock = std::unique_lock{mutex_};
  ++counts_[static_cast<std::size_t>(call)];
  delay_ += delays_[static_cast<std::size_t>(call)];
  if (const int error = planned_error(call, path)) return system_error(error);
  return success();
}

int SimDisk::planned_error(DiskCall call, const std::string& path) {
  for (DiskFault& fault : faults_) {
    if (fault.call != call || path.find(fault.path_part) == std::string::npos) continue;
    if (fault.nth == 0) {
      if (prng_.chance(fault.chance_of_1000, 1000)) return fault.error;
      continue;
    }
    if (fault.nth > 1) {
      --fault.nth;
    } else if (fault.repeat > 0) {
      --fault.repeat;
      return fault.error;
    }
  }
  return 0;
}

std::shared_ptr<SimDisk::Node> SimDisk::find(std::string_view path, View view) const {
  std::shared_ptr<Node> node = root_;
  if (path == ".") return node;
  while (!path.empty()) {
    if (!node->is_directory) return nullptr;
    const std::size_t slash = path.find('/');
    const Node::Names& names = view == View::durable ? node->durable_names : node->names;
    const auto entry = names.find(path.substr(0, slash));
    if (entry == names.end()) return nullptr;
    node = entry->second;
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
  }
  return node;
}

Result<std::shared_ptr<SimDisk::Node>> SimDisk::find_directory(std::string_view path) const {
  auto node = find(path);
  if (node == nullptr) return system_error(ENOENT);
  if (!node->is_directory) return system_error(ENOTDIR);
  return node;
}

void SimDisk::set_name(const std::shared_ptr<Node>& directory, std::string_view name,
                       std::shared_ptr<Node> now, std::uint64_t order) {
  if (now == nullptr) {
    directory->names.erase(std::string{name});
  } else {
    directory->names[std::string{name}] = now;
  }
  unsynced_names_.push_back({order, directory, std::string{name}, std::move(now)});
}

Result<std::shared_ptr<File>> SimDisk::open(std::string_view path, OpenMode mode) {
  STRANDLINE_TRY(auto inside, path_inside_root(path));
  std::unique_lock<std::mutex> lock;
  STRANDLINE_TRYV(begin(DiskCall::open, inside, lock));
  auto node = find(inside);
  if (node != nullptr && node->is_directory) return system_error(EISDIR);
  if (node != nullptr && mode == OpenMode::create_new) return system_error(EEXIST);
  if (node == nullptr) {
    if (mode == OpenMode::read || mode == OpenMode::read_write) return system_error(ENOENT);
    STRANDLINE_TRY(auto directory, find_directory(parent_path(inside)));
    node = std::make_shared<Node>();
    set_name(directory, name_of(inside), node, ++order_);
  }
  return std::shared_ptr<File>{
      std::make_shared<SimFile>(*this, inside, std::move(node), mode != OpenMode::read)};
}

Result<void> SimDisk::create_directories(std::string_view path) {
  STRANDLINE_TRY(auto inside, path_inside_root(path));
  std::unique_lock<std::mutex> lock;
  STRANDLINE_TRYV(begin(DiskCall::create_directories, inside, lock));
  for (std::size_t end = 1; end <= inside.size() && inside != "."; ++end) {
    if (end < inside.size() && inside[end] != '/') continue;
    const std::string step = inside.substr(0, end);
    if (const auto there = find(step)) {
      if (!there->is_directory) return system_error(ENOTDIR);
      continue;
    }
    auto made = std::make_shared<Node>();
    made->is_directory = true;
    STRANDLINE_TRY(auto directory, find_directory(parent_path(step)));
    set_name(directory, name_of(step), std::move(made), ++order_);
  }
  return success();
}

Result<std::vector<std::string>> SimDisk::list(std::string_view directory) {
  STRANDLINE_TRY(auto inside, path_inside_root(directory));
  std::unique_lock<std::mutex> lock;
  STRANDLINE_TRYV(begin(DiskCall::list, inside, lock));
  STRANDLINE_TRY(auto node, find_directory(inside));
  std::vector<std::string> names;
  for (const auto& [name, child] : node->names) {
    names.push_back(child->is_directory ? name + "/" : name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<bool> SimDisk::exists(std::string_view path) {
  STRANDLINE_TRY(auto inside, path_inside_root(path));
  std::unique_lock<std::mutex> lock;
  STRANDLINE_TRYV(begin(DiskCall::exists, inside, lock));
  return find(inside) != nullptr;
}

Result<void> SimDisk::rename(std::string_view from, std::string_view to) {
  STRANDLINE_TRY(auto from_inside, path_inside_root(from));
  STRANDLINE_TRY(auto to_inside, path_inside_root(to));
  std::unique_lock<std::mutex> lock;
  STRANDLINE_TRYV(begin(DiskCall::rename, to_inside, lock));
  return rename_locked(from_inside, to_inside);
}

Result<void> SimDisk::rename_locked(const std::string& from, const std::string& to) {
  auto moved = find(from);
  if (moved == nullptr) return system_error(ENOENT);
  STRANDLINE_TRY(auto from_directory, find_directory(parent_path(from)));
  STRANDLINE_TRY(auto to_directory, find_directory(parent_path(to)));
  if (to.starts_with(from + "/")) return system_error(EINVAL);
  if (const auto replaced = find(to)) {
    if (replaced == moved) return success();
    if (replaced->is_directory != moved->is_directory) {
      return system_error(replaced->is_directory ? EISDIR : ENOTDIR);
    }
    if (replaced->is_directory && !replaced->names.empty()) return system_error(ENOTEMPTY);
  }
  const std::uint64_t order = ++order_;  // one for both: a journal has the two together
  set_name(from_directory, name_of(from), nullptr, order);
  set_name(to_directory, name_of(to), std::move(moved), order);
  return success();
}

Result<void> SimDisk::remove(std::string_view path) {
  STRANDLINE_TRY(auto inside, path_inside_root(path));
  std::unique_lock<std::mutex> lock;
  STRANDLINE_TRYV(begin(DiskCall::remove, inside, lock));
  const auto node = find(inside);
  if (node == nullptr) return success();
  if (node->is_directory) return system_error(EISDIR);
  STRANDLINE_TRY(auto directory, find_directory(parent_path(inside)));
  set_name(directory, name_of(inside), nullptr, ++order_);
  return success();
}

Result<void> SimDisk::remove_tree(std::string_view path) {
  STRANDLINE_TRY(auto inside, path_inside_root(path));
  if (inside == ".") return system_error(EINVAL);
  std::unique_lock<std::mutex> lock;
  STRANDLINE_TRYV(begin(DiskCall::remove_tree, inside, lock));
  const auto node = find(inside);
  if (node == nullptr) return success();
  if (!node->is_directory) return system_error(ENOTDIR);
  // One name after the other, so that a crash in between leaves some of the tree.
  struct Remover {
    SimDisk& disk;
    void clear(const std::shared_ptr<Node>& directory) const {
      while (!directory->names.empty()) {
        const auto [name, child] = *directory->names.begin();
        if (child->is_directory) clear(child);
        disk.set_name(directory, name, nullptr, ++disk.order_);
      }
    }
  };
  Remover{*this}.clear(node);
  STRANDLINE_TRY(auto directory, find_directory(parent_path(inside)));
  set_name(directory, name_of(inside), nullptr, ++order_);
  return success();
}

Result<void> SimDisk::sync_directory(std::string_view path) {
  STRANDLINE_TRY(auto inside, path_inside_root(path));
  std::unique_lock<std::mutex> lock;
  STRANDLINE_TRYV(begin(DiskCall::sync_directory, inside, lock));
  STRANDLINE_TRY(auto node, find_directory(inside));
  if (lies_[static_cast<std::size_t>(DiskCall::sync_directory)]) return success();
  node->durable_names = node->names;
  std::erase_if(unsynced_names_,
                [&](const NameChange& change) { return change.directory == node; });
  return success();
}

Result<DiskSpace> SimDisk::space() {
  const std::lock_guard lock{mutex_};
  const std::uint64_t used = used_locked();
  return DiskSpace{.total_bytes = capacity_bytes_,
                   .available_bytes = used < capacity_bytes_ ? capacity_bytes_ - used : 0};
}

Result<std::unique_ptr<DirectoryLock>> SimDisk::lock(std::string_view path) {
  STRANDLINE_TRY(auto inside, path_inside_root(path));
  std::unique_lock<std::mutex> lock;
  STRANDLINE_TRYV(begin(DiskCall::lock, inside, lock));
  if (!locks_.insert(inside).second) return Errc::directory_locked;
  if (find(inside) == nullptr) {
    const auto directory = find_directory(parent_path(inside));
    if (!directory.has_value()) {
      locks_.erase(inside);
      return directory.error();
    }
    set_name(directory.value(), name_of(inside), std::make_shared<Node>(), ++order_);
  }
  return std::unique_ptr<DirectoryLock>{std::make_unique<SimLock>(*this, inside)};
}

void SimDisk::crash(const CrashModel& model) {
  const std::lock_guard lock{mutex_};
  ++generation_;
  halted_ = false;
  locks_.clear();
  if (model.names == CrashModel::Names::all && model.bytes == CrashModel::Bytes::all) return;
  lose_names(model.names);
  crash_node(*root_, model, prng_);
}

void SimDisk::lose_names(CrashModel::Names model) {
  const std::uint64_t oldest = unsynced_names_.empty() ? 0 : unsynced_names_.front().order;
  std::uint64_t kept_before = 0;
  if (model == CrashModel::Names::all) kept_before = order_ + 1;
  if (model == CrashModel::Names::random) kept_before = oldest + prng_.below(order_ + 2 - oldest);
  for (const NameChange& change : unsynced_names_) {
    if (change.order >= kept_before) break;
    if (change.now == nullptr) {
      change.directory->durable_names.erase(change.name);
    } else {
      change.directory->durable_names[change.name] = change.now;
    }
  }
  unsynced_names_.clear();
}

void SimDisk::plan(DiskFault fault) {
  const std::lock_guard lock{mutex_};
  faults_.push_back(std::move(fault));
}

void SimDisk::clear_faults() {
  const std::lock_guard lock{mutex_};
  faults_.clear();
}

void SimDisk::lie_about(DiskCall call) {
  const std::lock_guard lock{mutex_};
  lies_[static_cast<std::size_t>(call)] = true;
}

void SimDisk::on_operation(Hook hook) {
  const std::lock_guard lock{mutex_};
  hook_ = std::move(hook);
}

void SimDisk::set_delay(DiskCall call, Duration delay) {
  const std::lock_guard lock{mutex_};
  delays_[static_cast<std::size_t>(call)] = delay;
}

Duration SimDisk::take_delay() {
  const std::lock_guard lock{mutex_};
  return std::exchange(delay_, Duration{0});
}

void SimDisk::set_capacity(std::uint64_t bytes) {
  const std::lock_guard lock{mutex_};
  capacity_bytes_ = bytes;
}

bool SimDisk::flip_bit(std::string_view path, std::uint64_t position, unsigned bit,
                       bool in_cache_too) {
  const std::lock_guard lock{mutex_};
  const auto node = find(path);
  if (node == nullptr || node->is_directory || position >= node->content.size()) return false;
  node->content.flip_bit(position, bit, in_cache_too);
  return true;
}

bool SimDisk::has_durably(std::string_view path, std::uint64_t position, ByteView bytes) const {
  const std::lock_guard lock{mutex_};
  const auto node = find(path, View::durable);
  return node != nullptr && !node->is_directory && node->content.is_on_device(position, bytes);
}

std::uint64_t SimDisk::count(DiskCall call) const {
  const std::lock_guard lock{mutex_};
  return counts_[static_cast<std::size_t>(call)];
}

std::uint64_t SimDisk::used_bytes() const {
  const std::lock_guard lock{mutex_};
  return used_locked();
}

std::uint64_t SimDisk::used_locked() const { return bytes_below(*root_); }

}  // namespace strandline
