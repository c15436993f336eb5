// A list of values: parameters and body of a block, arguments of an edge. Most of them are short,
// and a function has thousands, so that the first few stand in the list itself.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <type_traits>
#include <utility>

namespace vfm::ir {

using ValueId = uint32_t;

/// Works like a std::vector<ValueId>; moving it keeps no iterator valid.
class IdList {
  public:
    using value_type = ValueId;
    using size_type = size_t;
    using difference_type = std::ptrdiff_t;
    using reference = ValueId&;
    using const_reference = const ValueId&;
    using iterator = ValueId*;
    using const_iterator = const ValueId*;

    IdList() noexcept {}
    IdList(std::initializer_list<ValueId> ids) { assign(ids.begin(), ids.end()); }
    IdList(const IdList& other) { assign(other.begin(), other.end()); }
    IdList(IdList&& other) noexcept { take(other); }
    ~IdList() { release(); }
    IdList& operator=(const IdList& other) {
        if (this != &other) assign(other.begin(), other.end());
        return *this;
    }
    IdList& operator=(IdList&& other) noexcept {
        if (this == &other) return *this;
        release();
        take(other);
        return *this;
    }

    size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    ValueId* data() { return capacity_ == kInside ? inside_ : outside_; }
    const ValueId* data() const { return capacity_ == kInside ? inside_ : outside_; }
    iterator begin() { return data(); }
    iterator end() { return data() + size_; }
    const_iterator begin() const { return data(); }
    const_iterator end() const { return data() + size_; }
    ValueId& operator[](size_t i) { return data()[i]; }
    const ValueId& operator[](size_t i) const { return data()[i]; }
    ValueId& front() { return *begin(); }
    const ValueId& front() const { return *begin(); }
    ValueId& back() { return data()[size_ - 1]; }
    const ValueId& back() const { return data()[size_ - 1]; }

    void push_back(ValueId id) {
        if (size_ == capacity_) grow(size_ + 1);
        data()[size_++] = id;
    }
    void pop_back() { --size_; }
    void clear() { size_ = 0; }
    void reserve(size_t count) {
        if (count > capacity_) grow(count);
    }
    void resize(size_t count, ValueId id = 0) {
        reserve(count);
        if (count > size_) std::fill(end(), begin() + count, id);
        size_ = static_cast<uint32_t>(count);
    }
    /// The range stands in no part of this list.
    template <std::forward_iterator Iterator>
    void assign(Iterator first, Iterator last) {
        clear();
        insert(end(), first, last);
    }
    /// The range stands in no part of this list.
    template <std::forward_iterator Iterator>
    iterator insert(const_iterator before, Iterator first, Iterator last) {
        const auto at = before - begin();
        const auto count = std::distance(first, last);
        reserve(size_ + static_cast<size_t>(count));
        std::copy_backward(begin() + at, end(), end() + count);
        std::copy(first, last, begin() + at);
        size_ += static_cast<uint32_t>(count);
        return begin() + at;
    }
    iterator insert(const_iterator before, ValueId id) { return insert(before, &id, &id + 1); }
    iterator erase(const_iterator first, const_iterator last) {
        const auto at = first - begin();
        std::copy(last, std::as_const(*this).end(), begin() + at);
        size_ -= static_cast<uint32_t>(last - first);
        return begin() + at;
    }
    iterator erase(const_iterator at) { return erase(at, at + 1); }

    friend bool operator==(const IdList& a, const IdList& b) {
        return std::equal(a.begin(), a.end(), b.begin(), b.end());
    }
    /// Takes out the ids for which `goes` holds, asked in order; how many those are.
    template <class Predicate>
    friend size_t erase_if(IdList& list, Predicate goes) {
        const auto kept = std::remove_if(list.begin(), list.end(), goes);
        const auto gone = static_cast<size_t>(list.end() - kept);
        list.size_ -= static_cast<uint32_t>(gone);
        return gone;
    }

  private:
    static constexpr uint32_t kInside = 4;

    void take(IdList& other) noexcept {
        size_ = std::exchange(other.size_, 0);
        capacity_ = std::exchange(other.capacity_, kInside);
        std::memcpy(inside_, other.inside_, sizeof inside_);
    }
    void release() noexcept {
        if (capacity_ != kInside) delete[] outside_;
    }
    void grow(size_t least) {
        const size_t capacity = std::max<size_t>(least, size_t{2} * capacity_);
        auto* const bigger = new ValueId[capacity];
        std::copy(begin(), end(), bigger);
        release();
        outside_ = bigger;
        capacity_ = static_cast<uint32_t>(capacity);
    }

    uint32_t size_ = 0;
    uint32_t capacity_ = kInside;
    union {
        ValueId inside_[kInside] = {};
        ValueId* outside_;
    };
};
static_assert(std::contiguous_iterator<IdList::iterator>);

}  // namespace vfm::ir
