// Memory for the length of one pass: taken piece by piece, given back all at once. A filter of a
// few instructions compiles in a microsecond or two, so that each visit to the heap would show.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <vector>

namespace vfm::ir {

class Scratch {
  public:
    Scratch() : next_(inside_), left_(sizeof inside_) {}
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    /// `count` copies of a value. They live until reset().
    template <class T>
    std::span<T> array(size_t count, T value = {}) {
        static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= kAlignment);
        T* const begin = static_cast<T*>(take(count * sizeof(T)));
        std::uninitialized_fill_n(begin, count, value);
        return {begin, count};
    }
    /// The same with whatever the memory holds.
    template <class T>
    std::span<T> room(size_t count) {
        static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= kAlignment);
        return {static_cast<T*>(take(count * sizeof(T))), count};
    }

    /// Everything taken is free again. The greatest piece from the heap is kept for later, unless
    /// it has more than `most` bytes.
    void reset(size_t most = ~size_t{0}) {
        if (size_ > most) {
            chunks_.clear();
            size_ = kFirst;
        } else if (chunks_.size() > 1) {
            std::swap(chunks_.front(), chunks_.back());
            chunks_.resize(1);
        }
        next_ = chunks_.empty() ? inside_ : chunks_.front().get();
        left_ = chunks_.empty() ? sizeof inside_ : size_;
    }

  private:
    static constexpr size_t kAlignment = 8;
    static constexpr size_t kFirst = size_t{32} << 10;  // half of the first chunk

    void* take(size_t bytes) {
        bytes = (bytes + kAlignment - 1) & ~(kAlignment - 1);
        if (bytes > left_) more(bytes);
        std::byte* const taken = next_;
        next_ += bytes;
        left_ -= bytes;
        return taken;
    }
    void more(size_t bytes) {
        size_ = std::max(2 * size_, std::bit_ceil(bytes));
        chunks_.push_back(std::make_unique_for_overwrite<std::byte[]>(size_));
        next_ = chunks_.back().get();
        left_ = size_;
    }

    std::byte* next_;
    size_t left_;
    size_t size_ = kFirst;                              // of the last chunk
    std::vector<std::unique_ptr<std::byte[]>> chunks_;  // each at least twice the one before
    alignas(kAlignment) std::byte inside_[size_t{8} << 10];
};

/// A stack of values in scratch memory. Growing leaves the old piece behind, so that all of them
/// together take at most twice what is needed.
template <class T>
class ScratchStack {
  public:
    explicit ScratchStack(Scratch& scratch) : scratch_(scratch) {}

    size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    /// Makes room for `count` values in all.
    void reserve(size_t count) {
        if (count > room_.size()) move_to(scratch_.room<T>(count));
    }
    void push_back(const T& value) {
        if (size_ == room_.size()) grow();
        room_[size_++] = value;
    }
    void pop_back() { --size_; }
    void clear() { size_ = 0; }
    void shrink(size_t size) { size_ = size; }
    T& back() const { return room_[size_ - 1]; }
    T& operator[](size_t i) const { return room_[i]; }
    T* begin() const { return room_.data(); }
    T* end() const { return room_.data() + size_; }
    std::span<T> all() const { return room_.first(size_); }

  private:
    void grow() { move_to(scratch_.room<T>(std::max<size_t>(8, 2 * size_))); }
    void move_to(std::span<T> bigger) {
        std::copy_n(room_.begin(), size_, bigger.begin());
        room_ = bigger;
    }

    Scratch& scratch_;
    std::span<T> room_;
    size_t size_ = 0;
};

/// A hash map in scratch memory, by open addressing. Hash gives 64 well mixed bits.
template <class Key, class T, class Hash>
class ScratchMap {
  public:
    explicit ScratchMap(Scratch& scratch) : scratch_(scratch) {}

    size_t size() const { return size_; }
    T* find(const Key& key) const {
        if (size_ == 0) return nullptr;
        Slot& slot = place(key);
        return slot.used ? &slot.value : nullptr;
    }
    /// Makes room for `count` keys in all.
    void reserve(size_t count) {
        const size_t slots = std::bit_ceil(count + count / 3 + 1);
        if (slots > slots_.size()) move_to(slots);
    }
    struct Inserted {
        T& value;
        bool is_new;
    };
    /// The value of a key, which is `value` if there was none. Valid until the next new key.
    Inserted insert(const Key& key, const T& value) {
        if (4 * size_ >= 3 * slots_.size()) grow();
        Slot& slot = place(key);
        if (slot.used) return {slot.value, false};
        slot = {key, value, true};
        ++size_;
        return {slot.value, true};
    }

  private:
    struct Slot {
        Key key;
        T value;
        bool used;
    };

    Slot& place(const Key& key) const {
        const size_t mask = slots_.size() - 1;
        size_t at = Hash{}(key)&mask;
        while (slots_[at].used && !(slots_[at].key == key)) at = (at + 1) & mask;
        return slots_[at];
    }
    void grow() { move_to(std::max<size_t>(16, 2 * slots_.size())); }
    void move_to(size_t slots) {
        const std::span<Slot> old = slots_;
        slots_ = scratch_.array<Slot>(slots);
        for (const Slot& slot : old)
            if (slot.used) place(slot.key) = slot;
    }

    Scratch& scratch_;
    std::span<Slot> slots_;
    size_t size_ = 0;
};

}  // namespace vfm::ir
