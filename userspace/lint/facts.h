// What is known of a packet where some tests have gone one way: for each term what it can be. Facts
// know what headers imply (header_fields.def): with `tcp.dport` there is TCP, so `ip.proto` is 6,
// and no `udp.dport`.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "userspace/lint/terms.h"

namespace vfm::lint {

/// Small; copied at each branch of a search. The Terms must outlive it.
class Facts {
  public:
    explicit Facts(const Terms& terms) : terms_(&terms) {}

    /// What the term can be.
    const Outcomes& of(TermId term) const;
    /// True if the header is known to be there, or known not to be.
    bool is_there(Header header) const { return of(has_term(header)).only_number() == 1; }
    bool is_not_there(Header header) const { return of(has_term(header)).only_number() == 0; }

    /// The term is one of these outcomes. False if no packet is left: then nothing else holds.
    bool assume(TermId term, const Outcomes& allowed);

    struct Fact {
        TermId term;
        std::shared_ptr<const Outcomes> can_be;
    };
    /// Those that are narrower than the domain of their term, the first that was known first.
    const std::vector<Fact>& all() const { return facts_; }

  private:
    const Fact* find(TermId term) const;
    bool narrow(TermId term, const Outcomes& allowed, std::vector<TermId>& changed);
    bool follow(TermId term, std::vector<TermId>& changed);
    bool follow_header(Header header, bool there, std::vector<TermId>& changed);
    bool follow_field(TermId term, std::vector<TermId>& changed);
    bool follow_twins(TermId term, std::vector<TermId>& changed);

    /// Terms of which a fact is found at once; the rest are few or seldom asked for.
    static constexpr size_t kQuick = 64;

    const Terms* terms_;
    std::vector<Fact> facts_;
    std::array<uint32_t, kQuick> quick_{};  // 1 + the place in facts_; 0: none
};

}  // namespace vfm::lint
