// An ordered map that is cheap to copy: values in buckets that copies share until one changes.
// A copy costs one pointer a bucket, a change the copy of one bucket: ten thousand topics are
// published to all shards in a microsecond, where a plain map would copy them all each time.
//
// Thread   one owner; copies may live on other threads, shared buckets are never written
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>

namespace strandline {

// Hash: callable on a Key, the same on every machine (order within a walk shows outside).
template <class Key, class Value, class Hash>
class CowMap {
 public:
  using Bucket = std::map<Key, Value, std::less<>>;

  // nullptr when absent; good until this map changes the key's bucket.
  template <class Lookup>
  const Value* find(const Lookup& key) const {
    const auto& bucket = buckets_[index(key)];
    if (!bucket) return nullptr;
    const auto it = bucket->find(key);
    return it == bucket->end() ? nullptr : &it->second;
  }

  void set(const Key& key, Value value) {
    auto& bucket = buckets_[index(key)];
    auto changed = bucket ? std::make_shared<Bucket>(*bucket) : std::make_shared<Bucket>();
    size_ += changed->insert_or_assign(key, std::move(value)).second ? 1 : 0;
    bucket = std::move(changed);
  }

  template <class Lookup>
  void erase(const Lookup& key) {
    auto& bucket = buckets_[index(key)];
    if (!bucket || bucket->find(key) == bucket->end()) return;
    auto changed = std::make_shared<Bucket>(*bucket);
    changed->erase(changed->find(key));
    --size_;
    bucket = std::move(changed);
  }

  std::size_t size() const { return size_; }

  // Every pair once: by bucket, by key within one.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const auto& bucket : buckets_) {
      if (!bucket) continue;
      for (const auto& [key, value] : *bucket) visit(key, value);
    }
  }

 private:
  static constexpr std::size_t kBuckets = 256;  // 40 topics a bucket at ten thousand

  template <class Lookup>
  static std::size_t index(const Lookup& key) {
    return static_cast<std::size_t>(Hash{}(key)) % kBuckets;
  }

  std::array<std::shared_ptr<const Bucket>, kBuckets> buckets_{};
  std::size_t size_ = 0;
};

}  // namespace strandline
