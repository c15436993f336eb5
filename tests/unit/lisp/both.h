// One filter in two evaluators, which must agree: the typed tree read as it is, and its bytecode.
#pragma once

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/verify/verify.h"
#include "tests/harness/tree_eval.h"
#include "tests/unit/lisp/lisp_text.h"
#include "userspace/interp/interpreter.h"

namespace vfm::test {

inline std::string show(const Outcome& outcome) {
    return outcome.error == ErrorKind::success ? fmt::format("{}", outcome.value)
                                               : std::string(error_name(outcome.error));
}

/// One filter in both evaluators.
class Both {
  public:
    explicit Both(const std::string& source) : source_(source) {
        auto analysed = lisp::analyse(text(source));
        auto compiled = lisp::compile(text(source));
        BOOST_TEST_INFO(source.substr(0, 500));
        BOOST_TEST_REQUIRE(compiled.has_value());
        tree_ = std::move(analysed->tree);
        tree_evaluator_.emplace(tree_);
        engine_ = *instance_of(interpreter_program(*verify(std::move(compiled->module))));
    }
    // tree_evaluator_ refers to tree_.
    Both(const Both&) = delete;
    Both& operator=(const Both&) = delete;

    /// The result, which both must give.
    std::string run(ByteView packet, uint64_t timestamp = 0) {
        const Outcome direct = tree_evaluator_->run(Packet{packet, timestamp});
        const Outcome compiled = engine_->run({packet, timestamp});
        if (direct != compiled)
            BOOST_ERROR(fmt::format("{} bytes: tree {}, bytecode {}: {}", packet.size(),
                                    show(direct), show(compiled), source_.substr(0, 2000)));
        return show(direct);
    }
    void compare_flows() {
        std::vector<FlowEntry> entries = engine_->flows();
        std::ranges::sort(entries);
        BOOST_TEST_INFO(source_);
        BOOST_TEST((entries == tree_evaluator_->flows()));
        BOOST_TEST((engine_->counters() == tree_evaluator_->counters()));
    }
    /// Packets that each counter of a group has seen, the default's first.
    std::vector<uint64_t> counted(size_t group) const {
        std::vector<uint64_t> out;
        const std::vector<std::vector<Count>> all = engine_->counters();
        for (const Count& count : all[group]) out.push_back(count.packets);
        return out;
    }

  private:
    std::string source_;
    lisp::Tree tree_;
    std::optional<TreeEvaluator> tree_evaluator_;
    std::unique_ptr<Instance> engine_;
};

}  // namespace vfm::test
