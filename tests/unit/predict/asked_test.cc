// The prediction beside what the kernel of this machine says. Skipped where it cannot be asked or
// is another than the one that is modelled.
#include <boost/test/unit_test.hpp>
#include <cmath>

#include "bpfgen/predict/predict.h"
#include "core/lisp/compile.h"
#include "core/verify/verify.h"
#include "loader/load.h"
#include "tests/harness/modelled_kernel.h"
#include "tests/harness/random_lisp.h"
#include "tests/harness/random_program.h"

namespace vfm {
namespace {

boost::test_tools::assertion_result asked_kernel(boost::unit_test::test_unit_id) {
    boost::test_tools::assertion_result result(test::kernel_is_modelled() &&
                                               has_capability(Capability::bpf) &&
                                               has_capability(Capability::perfmon));
    if (!result) result.message() << "wants Linux 6.18, CAP_BPF and CAP_PERFMON";
    return result;
}

struct AskedAndPredicted {
    unsigned programs = 0, exact = 0, close = 0;
    double worst = 0;

    void add(const Module& module, bpf::Hook hook) {
        const auto verified = verify(module);
        BOOST_REQUIRE(verified.has_value());
        const auto emitted = bpf::generate(*verified, {.hook = hook});
        if (!emitted) return;
        const auto loaded = load_program(*emitted);
        if (!loaded) return;
        const bpf::Prediction prediction = bpf::predict(*emitted);
        BOOST_REQUIRE(prediction.processed.has_value());
        const double off = std::abs(
            static_cast<double>(*prediction.processed) / static_cast<double>(loaded->verified) - 1);
        ++programs;
        exact += *prediction.processed == loaded->verified;
        close += off <= 0.1;
        worst = std::max(worst, off);
        if (off > 0.1)
            BOOST_TEST_MESSAGE("predicted " << *prediction.processed << ", asked "
                                            << loaded->verified << ", program " << programs);
    }

    // What is not close is rare, or the model does not know this verifier any more.
    void judge(unsigned at_least) const {
        BOOST_TEST_MESSAGE(programs << " programs: " << exact << " exact, " << close
                                    << " within 10 %, worst off by " << 100 * worst << " %");
        BOOST_TEST(programs >= at_least);
        BOOST_TEST(close * 100 >= programs * 95);
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(asked_test, *boost::unit_test::precondition(asked_kernel))

BOOST_AUTO_TEST_CASE(random_bytecode) {
    test::Rng rng(7);
    AskedAndPredicted comparison;
    for (unsigned i = 0; i < 120; ++i) {
        const Module module = test::random_program(
            rng, {.max_instructions = i % 10 == 0 ? 400U : 60U, .clock = true});
        comparison.add(module, i % 2 ? bpf::Hook::xdp : bpf::Hook::tc);
    }
    comparison.judge(90);
}

BOOST_AUTO_TEST_CASE(random_filters) {
    test::Rng rng(8);
    AskedAndPredicted comparison;
    for (unsigned i = 0; i < 80; ++i) {
        const auto compiled =
            lisp::compile(std::make_shared<const SourceFile>("<random>", test::random_lisp(rng)));
        BOOST_REQUIRE(compiled.has_value());
        comparison.add(compiled->module, i % 2 ? bpf::Hook::xdp : bpf::Hook::tc);
    }
    comparison.judge(60);
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm
