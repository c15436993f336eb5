// A rule table of a module made ready to be asked, once: by whoever compiles first, for every
// engine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/module/module.h"

namespace vfm {

/// How a rule table is looked up.
enum class RulesMethod : uint8_t {
    scan,  ///< row by row
    bits   ///< by the class of each key: bit_rows.h
};

/// The rows and constants of a rule table. Immutable; any thread.
class PreparedRules {
  public:
    /// The method that is best for these rows. Of 10,000 rows it takes some hundredths of a second.
    static std::shared_ptr<const PreparedRules> make(const RuleTable& table);
    /// The same by a given method, for tests and measurements. Rows behind one that always holds
    /// are left out; where no row tests anything it is a scan.
    static std::shared_ptr<const PreparedRules> make(const RuleTable& table, RulesMethod method);
    virtual ~PreparedRules() = default;
    PreparedRules(const PreparedRules&) = delete;
    PreparedRules& operator=(const PreparedRules&) = delete;

    /// The rule of the first row whose tests all hold, 0 for none. `operands` are those of MATCH as
    /// pushed: the keys in order, hi before lo, then the mask of the keys that are present.
    virtual uint64_t match(const uint64_t* operands) const noexcept = 0;

    /// What VERDICT gives for a rule.
    uint64_t verdict(uint64_t rule) const noexcept {
        return rule - 1 < verdicts_.size() ? verdicts_[rule - 1] : default_verdict_;
    }

    RulesMethod kind() const { return kind_; }
    /// "bits: 10000 rows, 4 columns, 8123 classes", for people.
    const std::string& method() const { return method_; }
    /// Bytes, without this object's own.
    size_t memory() const { return memory_; }
    /// What a lookup takes, in steps of about a nanosecond where its memory is near.
    double steps() const { return steps_; }

  protected:
    struct Facts {
        RulesMethod kind = RulesMethod::scan;
        std::string method;
        size_t memory = 0;
        double steps = 0;
    };
    PreparedRules(const RuleTable& table, Facts facts)
        : verdicts_(table.verdicts),
          default_verdict_(table.default_verdict),
          kind_(facts.kind),
          method_(std::move(facts.method)),
          memory_(facts.memory + verdicts_.size() * sizeof(uint64_t)),
          steps_(facts.steps) {}

  private:
    std::vector<uint64_t> verdicts_;  // of rule i + 1
    uint64_t default_verdict_;
    RulesMethod kind_;
    std::string method_;
    size_t memory_;
    double steps_;
};

}  // namespace vfm
