#include "core/packet/headers.h"

#include <algorithm>

#include "core/packet/header_walk.h"

namespace vfm {
namespace {

/// The machine of header_walk.h that works on a packet in memory.
class PacketMachine {
  public:
    using Word = uint64_t;

    explicit PacketMachine(ByteView packet) : packet_(packet) { vars_.fill(~uint64_t{0}); }

    Word constant(uint64_t value) { return value; }
    Word get(WalkVar var) const { return vars_[static_cast<size_t>(var)]; }
    void set(WalkVar var, Word value) { vars_[static_cast<size_t>(var)] = value; }
    Word binary(Opcode op, Word a, Word b) { return vfm::binary(op, a, b); }
    Word compare(Comparison c, Word a, Word b) { return vfm::compare(c, a, b) ? 1 : 0; }
    Word load(Word base, unsigned offset, unsigned size) {
        return load_be(packet_.data() + base + offset, size);
    }
    // A capture and a packet in user space have every tag in their bytes.
    Word vlan_present() { return 0; }
    Word vlan_tag() { return 0; }

    static bool walks_extensions() { return false; }
    static Word extensions(Word, Word) { return 0; }

    template <class Then, class Otherwise>
    void branch(Comparison c, Word a, Word b, Then then, Otherwise otherwise) {
        if (vfm::compare(c, a, b))
            then();
        else
            otherwise();
    }
    template <class Then, class Otherwise>
    void branch_covers(Word base, unsigned size, Then then, Otherwise otherwise) {
        if (base <= packet_.size() && packet_.size() - base >= size)
            then();
        else
            otherwise();
    }

    std::array<uint64_t, kWalkVars>& vars() { return vars_; }

  private:
    ByteView packet_;
    std::array<uint64_t, kWalkVars> vars_;
};

}  // namespace

Headers walk_headers(ByteView packet) {
    PacketMachine machine(packet);
    walk::Walk<PacketMachine>(machine).headers();
    Headers headers;
    std::copy_n(machine.vars().begin(), kHeaderFacts, headers.facts.begin());
    return headers;
}

uint64_t hash5(ByteView packet, const Headers& headers) {
    PacketMachine machine(packet);
    std::copy_n(headers.facts.begin(), kHeaderFacts, machine.vars().begin());
    return walk::Walk<PacketMachine>(machine).hash5();
}

}  // namespace vfm
