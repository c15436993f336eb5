#include "tests/engines/tree_engine.h"

#include "core/lisp/sema.h"
#include "tests/harness/tree_eval.h"

namespace vfm::test {
namespace {

class TreeEngine : public Instance {
  public:
    explicit TreeEngine(const lisp::Tree& tree) : evaluator_(tree) {}

    std::string_view name() const override { return "tree"; }
    Outcome run(const Packet& packet) override { return evaluator_.run(packet); }
    std::vector<FlowEntry> flows() const override { return evaluator_.flows(); }
    std::vector<std::vector<Count>> counters() const override { return evaluator_.counters(); }
    uint64_t refused_stores() const override { return 0; }

  private:
    TreeEvaluator evaluator_;
};

}  // namespace

std::optional<lisp::Tree> parse_tree(std::shared_ptr<const SourceFile> source) {
    lisp::ErrorList errors(std::move(source));
    return lisp::check(errors, nullptr);
}

std::unique_ptr<Instance> make_tree_engine(const lisp::Tree& tree) {
    return std::make_unique<TreeEngine>(tree);
}

}  // namespace vfm::test
