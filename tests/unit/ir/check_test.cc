// check() must find what a wrong pass does: each case breaks one invariant of a right function.
#include <boost/test/unit_test.hpp>
#include <functional>

#include "tests/unit/ir/ir_test.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(check_test)

namespace {

// b0 -> b1, b2 -> b3(param), with a proved load in b1.
ir::Function diamond() {
    return lifted(
        "LEN\nPUSH 40\nJLT short\nLD16 20\nJMP join\nshort: PUSH 0\njoin: LD8 0\nADD\nRET\n");
}

void expect_broken(const std::string& message, const std::function<void(ir::Function&)>& change) {
    ir::Function function = diamond();
    BOOST_REQUIRE_EQUAL(ir::check(function), "");
    change(function);
    const std::string found = ir::check(function);
    BOOST_TEST(found.find(message) != std::string::npos,
               "expected '" << message << "', found '" << found << "'");
}

// First value with an operation.
ir::ValueId first(const ir::Function& function, ir::Op op) {
    for (const ir::Block& block : function.blocks) {
        for (const ir::ValueId id : block.params)
            if (function[id].op == op) return id;
        for (const ir::ValueId id : block.body)
            if (function[id].op == op) return id;
    }
    return ir::kNone;
}

}  // namespace

BOOST_AUTO_TEST_CASE(entry) {
    expect_broken("the entry has parameters", [](ir::Function& f) {
        const ir::ValueId param = first(f, ir::Op::param);
        f.blocks[3].params.clear();
        f.blocks[1].end.then.args.clear();
        f.blocks[2].end.then.args.clear();
        f.blocks[0].params = {param};
    });
    expect_broken("an edge leads back to the entry",
                  [](ir::Function& f) { f.blocks[1].end.then = {0, {}}; });
    BOOST_TEST(ir::check(ir::Function{}) == "there is no entry block");
}

BOOST_AUTO_TEST_CASE(edges) {
    expect_broken("0 arguments for the 1 parameters",
                  [](ir::Function& f) { f.blocks[1].end.then.args.clear(); });
    expect_broken("there is no b9", [](ir::Function& f) { f.blocks[1].end.then.target = 9; });
    expect_broken("has 1 edges", [](ir::Function& f) { f.blocks[1].end.otherwise.target = 2; });
    expect_broken("cannot be reached", [](ir::Function& f) {
        f.blocks.emplace_back().end = {.kind = ir::Terminator::Kind::trap,
                                       .error = ErrorKind::bounds};
    });
    expect_broken("a trap without an error",
                  [](ir::Function& f) { f.blocks[1].end = {.kind = ir::Terminator::Kind::trap}; });
}

BOOST_AUTO_TEST_CASE(values) {
    expect_broken("stands in two places",
                  [](ir::Function& f) { f.blocks[3].body.push_back(f.blocks[3].body.front()); });
    expect_broken("stand in a block's parameter list", [](ir::Function& f) {
        f.blocks[3].body.push_back(f.blocks[3].params.front());
        f.blocks[3].params.clear();
        f.blocks[1].end.then.args.clear();
        f.blocks[2].end.then.args.clear();
    });
    expect_broken("add takes 2 operands",
                  [](ir::Function& f) { f[first(f, ir::Op::add)].b = ir::kNone; });
    expect_broken("a load of 3 bytes", [](ir::Function& f) { f[first(f, ir::Op::load)].size = 3; });
    expect_broken("does not exist", [](ir::Function& f) { f.blocks[3].body.push_back(999); });
    expect_broken("has no result to use", [](ir::Function& f) {
        f[first(f, ir::Op::add)].b = first(f, ir::Op::guard_len);
    });
}

BOOST_AUTO_TEST_CASE(dominance) {
    // The load of one way is used behind the merge.
    expect_broken("may not have been made",
                  [](ir::Function& f) { f[first(f, ir::Op::add)].a = first(f, ir::Op::load); });
    // Used before it is made, in one block.
    expect_broken("may not have been made", [](ir::Function& f) {
        auto& body = f.blocks[3].body;
        std::rotate(body.begin(), body.end() - 1, body.end());
    });
    expect_broken("stands nowhere", [](ir::Function& f) {
        f.blocks[0].body.erase(std::ranges::find(f.blocks[0].body, first(f, ir::Op::len)));
    });
}

BOOST_AUTO_TEST_CASE(proofs) {
    const auto drop = [](ir::Op op) {
        return [op](ir::Function& f) {
            for (ir::Block& block : f.blocks)
                erase_if(block.body, [&](ir::ValueId id) { return f[id].op == op; });
        };
    };
    expect_broken("nothing proves its bytes", drop(ir::Op::guard_len));
    expect_broken("nothing proves its bytes",
                  [](ir::Function& f) { f[first(f, ir::Op::load)].imm += 1; });

    ir::Function behind = lifted("LEN\nLDX16 3\nRET\n");
    BOOST_TEST(ir::check(behind) == "");
    behind[first(behind, ir::Op::guard_index)].imm = 4;
    BOOST_TEST(ir::check(behind).find("nothing proves its bytes") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_branch_proves_on_its_own_way_only) {
    // fold() makes the comparison a test of the length; then the guard is not needed.
    ir::Function function = diamond();
    run_pass(function, ir::constant_propagation);
    BOOST_REQUIRE(function.blocks[0].end.kind == ir::Terminator::Kind::branch_len);
    for (ir::Block& block : function.blocks)
        erase_if(block.body, [&](ir::ValueId id) {
            return function[id].op == ir::Op::guard_len && function[id].imm == 22;
        });
    BOOST_TEST(ir::check(function) == "");
    std::swap(function.blocks[0].end.then, function.blocks[0].end.otherwise);
    BOOST_TEST(ir::check(function).find("nothing proves its bytes") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(declarations) {
    const auto broken = [](const std::function<void(ir::Function&)>& change) {
        ir::Function function = lifted(
            ".rules r keys=32,128\n.counters c\n.counter 1 f all\n"
            "PUSH8 1\nPUSH8 2\nPUSH8 3\nPUSH8 3\nMATCH 0\nDUP\n"
            "COUNT 0\nRET\n");
        BOOST_REQUIRE_EQUAL(ir::check(function), "");
        change(function);
        return ir::check(function);
    };
    BOOST_TEST(broken([](ir::Function& f) {
                   f[first(f, ir::Op::count)].imm = 9;
               }).contains("nothing is declared as count 9"));
    BOOST_TEST(broken([](ir::Function& f) {
                   f[first(f, ir::Op::match)].imm = 1;
               }).contains("nothing is declared as match 1"));
    BOOST_TEST(broken([](ir::Function& f) {
                   f[first(f, ir::Op::match)].more.pop_back();
               }).contains("match takes 4 operands"));
    BOOST_TEST(broken([](ir::Function& f) {
                   f.program.reset();
               }).contains("the function does not know what match 0 is"));
    BOOST_TEST(broken([](ir::Function& f) {
                   f[first(f, ir::Op::count)].more.push_back(first(f, ir::Op::match));
               }).contains("count takes 1 operands"));
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
