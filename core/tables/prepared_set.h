// A set of a module made ready to be asked, once: by whoever compiles first, for every engine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "core/module/module.h"

namespace vfm {

/// How a set is looked up.
enum class SetMethod : uint8_t {
    compare,  ///< with each of a few ranges
    bitmap,   ///< a bit for every key between the least and the greatest
    hash,     ///< a hash table of single keys
    ranges    ///< the place among the sorted ends of ranges
};

/// The members of a set: what its declaration says, without duplicates and overlaps. Immutable;
/// any thread.
class PreparedSet {
  public:
    /// The method that is best for these members. Takes less than 0.2 us and 80 bytes a member, the
    /// set itself among them.
    static std::shared_ptr<const PreparedSet> make(const SetDecl& set);
    /// The same by a given method, for tests and measurements; null if the members do not suit it.
    static std::shared_ptr<const PreparedSet> make(const SetDecl& set, SetMethod method);
    virtual ~PreparedSet() = default;
    PreparedSet(const PreparedSet&) = delete;
    PreparedSet& operator=(const PreparedSet&) = delete;

    /// Whether a key is a member. `hi` is 0 for a key of one word, whatever the set's width; one
    /// with bits above the width is no member.
    virtual bool contains(uint64_t hi, uint64_t lo) const noexcept = 0;

    SetMethod kind() const { return kind_; }
    /// "hash: 1000 keys", for people.
    const std::string& method() const { return method_; }
    /// Bytes, without this object's own.
    size_t memory() const { return memory_; }
    /// What a lookup takes, in steps of about a nanosecond where its memory is near.
    double steps() const { return steps_; }

  protected:
    PreparedSet(SetMethod kind, std::string method, size_t memory, double steps)
        : kind_(kind), method_(std::move(method)), memory_(memory), steps_(steps) {}

  private:
    SetMethod kind_;
    std::string method_;
    size_t memory_;
    double steps_;
};

}  // namespace vfm
