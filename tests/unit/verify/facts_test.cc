// What a VerifiedModule knows of its program.
#include <boost/test/unit_test.hpp>
#include <thread>

#include "tests/unit/verify/program.h"

BOOST_AUTO_TEST_SUITE(facts_test)

using namespace vfm;
using test::program;
using test::verified;

namespace {

std::vector<std::pair<uint32_t, uint32_t>> blocks_of(const VerifiedModule& program) {
    std::vector<std::pair<uint32_t, uint32_t>> result;
    for (const CodeBlock& block : program.blocks()) result.push_back({block.first, block.count});
    return result;
}

}  // namespace

BOOST_AUTO_TEST_CASE(tables_are_prepared_once_for_all_copies_and_threads) {
    Module module = program("PUSH 7\nIN 0\nRET");
    module.sets.resize(1);
    module.sets[0].members = {{0, 7, 64}};
    module.rule_tables.resize(1);
    module.rule_tables[0].key_widths = {32};
    const auto p = verified(std::move(module));
    const VerifiedModule copy = p;
    const PreparedTables* seen[4] = {};
    std::vector<std::thread> threads;
    for (const PreparedTables*& one : seen)
        threads.emplace_back([&one, copy] { one = &copy.prepared(); });
    for (std::thread& thread : threads) thread.join();
    for (const PreparedTables* const one : seen) BOOST_TEST(one == &p.prepared());
    BOOST_TEST_REQUIRE(p.prepared().sets.size() == 1u);
    BOOST_TEST(p.prepared().sets[0]->contains(0, 7));
    BOOST_TEST(p.prepared().rules.size() == 1u);
}

BOOST_AUTO_TEST_CASE(blocks_begin_at_leaders) {
    const auto p = verified(program("LD8 1\nPUSH 1\nJEQ a\nPUSH 2\nRET\na: PUSH 3\nb: RET"));
    const std::vector<std::pair<uint32_t, uint32_t>> expected = {{0, 3}, {3, 2}, {5, 2}};
    BOOST_TEST((blocks_of(p) == expected));  // a label without a jump begins none
    BOOST_TEST(p.block_of(4) == 1u);
    BOOST_TEST(p.index_of(15) == 3u);
    BOOST_TEST(p.insns()[3].offset == 15u);
}

BOOST_AUTO_TEST_CASE(a_jump_to_the_next_instruction_ends_a_block) {
    const auto p = verified(program("RAND\nJMP 0\nRET"));
    const std::vector<std::pair<uint32_t, uint32_t>> expected = {{0, 2}, {2, 1}};
    BOOST_TEST((blocks_of(p) == expected));
    BOOST_TEST(p.longest_path().value_or(0) == 3u);
}

BOOST_AUTO_TEST_CASE(the_longest_path_takes_the_longer_branch) {
    const auto p = verified(program("RAND\nRAND\nJEQ a\nRAND\nPOP\nRAND\nPOP\na: RAND\nRET"));
    BOOST_TEST(p.longest_path().value_or(0) == 9u);
    BOOST_TEST(p.acyclic());
    BOOST_TEST(!p.counts_fuel());
}

BOOST_AUTO_TEST_CASE(both_ways_of_a_branch_may_be_the_same) {
    BOOST_TEST(verified(program("RAND\nRAND\nJEQ 0\nRAND\nRET")).longest_path().value_or(0) == 5u);
}

BOOST_AUTO_TEST_CASE(cycles_have_no_longest_path) {
    for (const char* text : {"a: RAND\nRAND\nJEQ a\nRET 1",                    // to the entry
                             "RAND\nPOP\nJMP a\na: RAND\nRAND\nJEQ a\nRET 1",  // further on
                             "JMP b\na: RAND\nRET\nb: RAND\nRAND\nJEQ b\nJMP a"}) {
        const auto p = verified(program(text));
        BOOST_TEST(!p.acyclic());
        BOOST_TEST(p.counts_fuel());
    }
}

BOOST_AUTO_TEST_CASE(fuel) {
    BOOST_TEST(verified(program("RAND\nRET")).fuel() == 10000u);
    const auto p = verified(program(".fuel 1\nRAND\nRET"));
    BOOST_TEST(p.fuel() == 1u);
    BOOST_TEST(p.counts_fuel());
    BOOST_TEST(!verified(program(".fuel 2\nRAND\nRET")).counts_fuel());
}

BOOST_AUTO_TEST_CASE(the_greatest_depth) {
    BOOST_TEST(verified(program("RAND\nRET")).max_depth() == 1u);
    BOOST_TEST(verified(program("RAND\nDUP\nDUP\nPOP\nPOP\nRET")).max_depth() == 3u);
    BOOST_TEST(verified(program("RAND\nRAND\nJEQ a\nRAND\nRAND\nRAND\na: RAND\nRET")).max_depth() ==
               4u);
}

BOOST_AUTO_TEST_CASE(tables_include_the_implied_one) {
    BOOST_TEST(verified(program("RAND\nRET")).tables().size() == 1u);
    BOOST_TEST(verified(program(".table a\n.table b\nRAND\nRET")).tables()[1].name == "b");
}

BOOST_AUTO_TEST_CASE(the_largest_programs) {
    Bytes code;
    for (int i = 0; i < 32767; ++i) code.insert(code.end(), {144, 5});  // RAND POP
    code.insert(code.end(), {144, 22});
    const auto p = verified(test::raw(code));
    BOOST_TEST(p.insns().size() == 65536u);
    BOOST_TEST(p.longest_path().value_or(0) == 65536u);

    // As many blocks as there can be: each jump to the next.
    code.clear();
    for (int i = 0; i < 21844; ++i) code.insert(code.end(), {17, 0, 0});
    code.insert(code.end(), {144, 22});
    BOOST_TEST(verified(test::raw(code)).blocks().size() == 21845u);
}

BOOST_AUTO_TEST_SUITE_END()
