// What a run does that finds bytes missing: it asks whether the packet ends there or only what is
// linear of it. Packets of which all that is wanted is linear never come here.
#pragma once

#include <optional>
#include <vector>

#include "bpfgen/builder.h"

namespace vfm::bpf {

/// The places in a variant where bytes may be found missing. Without a way nothing is asked. Who
/// takes it has wanted bytes that are not linear, and begins anew: nothing that stays has been done
/// before (reach.h).
class FarTests {
  public:
    FarTests(Builder& builder, std::optional<Label> way) : b_(builder), way_(way) {}

    bool any() const { return way_.has_value(); }
    /// Asks, and goes on here if the packet ends.
    void here();
    /// A place that asks and goes on at `target` if the packet ends. emit() writes it.
    Label before(Label target, std::vector<Move> moves = {});
    void emit();

  private:
    struct Place {
        Label entry;
        Label target;
        std::vector<Move> moves;
        uint32_t origin;
    };

    Builder& b_;
    std::optional<Label> way_;
    std::vector<Place> places_;
};

}  // namespace vfm::bpf
