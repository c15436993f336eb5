// The reference against the sentences of the instruction set, one by one.
#include "userspace/interp/interpreter.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <initializer_list>

#include "core/isa/alu.h"
#include "core/packet/headers.h"
#include "core/run/random.h"

// Designated initialisers name what a case is about; the rest keeps its default.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

namespace vfm {
BOOST_AUTO_TEST_SUITE(interpreter_test)

namespace {

using enum Opcode;

struct Op {
    Opcode op;
    uint64_t imm = 0;
};

Bytes code_of(std::initializer_list<Op> ops) {
    Bytes code;
    for (const Op& op : ops) encode(code, op.op, op.imm);
    return code;
}

VerifiedModule verified(Module module) {
    auto program = verify(std::move(module));
    if (!program) BOOST_FAIL(program.error().reason);
    return *std::move(program);
}

std::unique_ptr<Instance> engine_of(Module module, const InstanceOptions& options = {},
                                    const ProgramOptions& made = {}) {
    auto engine = instance_of(interpreter_program(verified(std::move(module)), made), options);
    BOOST_REQUIRE(engine);
    return *std::move(engine);
}

std::unique_ptr<Instance> engine_of(std::initializer_list<Op> ops) {
    return engine_of(Module{.code = code_of(ops)});
}

/// "7", or the name of the error.
std::string text(const Outcome& outcome) {
    return outcome.error == ErrorKind::success ? std::to_string(outcome.value)
                                               : std::string(error_name(outcome.error));
}

std::string run(std::initializer_list<Op> ops, ByteView packet = {}) {
    return text(engine_of(ops)->run({.bytes = packet}));
}

BOOST_AUTO_TEST_CASE(arithmetic_takes_the_lower_value_first) {
    const auto two = [](Opcode op, uint64_t a, uint64_t b) {
        return run({{PUSH, a}, {PUSH, b}, {op}, {RET}});
    };
    BOOST_TEST(two(ADD, UINT64_MAX, 3) == "2");
    BOOST_TEST(two(SUB, 3, 5) == std::to_string(UINT64_MAX - 1));
    BOOST_TEST(two(MUL, 1ull << 63, 3) == std::to_string(1ull << 63));
    BOOST_TEST(two(DIV, UINT64_MAX, 2) == std::to_string(UINT64_MAX / 2));
    BOOST_TEST(two(MOD, 17, 5) == "2");
    BOOST_TEST(two(DIV, 1, 0) == "DIVISION_BY_ZERO");
    BOOST_TEST(two(MOD, 1, 0) == "DIVISION_BY_ZERO");
    BOOST_TEST(two(AND, 12, 10) == "8");
    BOOST_TEST(two(OR, 12, 10) == "14");
    BOOST_TEST(two(XOR, 12, 10) == "6");
    BOOST_TEST(two(SHL, 1, 65) == "2");
    BOOST_TEST(two(SHR, UINT64_MAX, 127) == "1");
    BOOST_TEST(two(EQ, 5, 5) == "1");
    BOOST_TEST(two(NE, 5, 5) == "0");
    BOOST_TEST(two(GT, UINT64_MAX, 1) == "1");
    BOOST_TEST(two(LT, UINT64_MAX, 1) == "0");
    BOOST_TEST(two(GE, 4, 5) == "0");
    BOOST_TEST(two(LE, 4, 5) == "1");
    BOOST_TEST(run({{PUSH8, 1}, {NOT}, {RET}}) == std::to_string(UINT64_MAX - 1));
    BOOST_TEST(run({{PUSH8, 1}, {NEG}, {RET}}) == std::to_string(UINT64_MAX));
}

BOOST_AUTO_TEST_CASE(pushes_are_zero_extended) {
    BOOST_TEST(run({{PUSH8, 0xff}, {RET}}) == "255");
    BOOST_TEST(run({{PUSH16, 0xffff}, {RET}}) == "65535");
    BOOST_TEST(run({{PUSH32, 0xffffffff}, {RET}}) == "4294967295");
    BOOST_TEST(run({{PUSH, UINT64_MAX}, {RET}}) == "18446744073709551615");
}

BOOST_AUTO_TEST_CASE(stack_operations) {
    BOOST_TEST(run({{PUSH8, 1}, {PUSH8, 2}, {SWAP}, {SUB}, {RET}}) == "1");
    BOOST_TEST(run({{PUSH8, 7}, {DUP}, {ADD}, {RET}}) == "14");
    BOOST_TEST(run({{PUSH8, 1}, {PUSH8, 2}, {POP}, {RET}}) == "1");
    BOOST_TEST(run({{PUSH8, 1}, {PUSH8, 2}, {PUSH8, 3}, {PICK, 0}, {RET}}) == "3");
    BOOST_TEST(run({{PUSH8, 1}, {PUSH8, 2}, {PUSH8, 3}, {PICK, 2}, {RET}}) == "1");
}

BOOST_AUTO_TEST_CASE(the_stack_holds_256_values) {
    Bytes code;
    for (unsigned i = 0; i < kMaxStack; ++i) encode(code, PUSH8, i);
    for (unsigned i = 1; i < kMaxStack; ++i) encode(code, ADD);
    encode(code, RET);
    BOOST_TEST(text(engine_of(Module{.code = code})->run({})) == "32640");
}

BOOST_AUTO_TEST_CASE(loads_are_big_endian_and_end_with_the_packet) {
    Bytes packet;
    for (uint8_t i = 1; i <= 12; ++i) packet.push_back(i);
    BOOST_TEST(run({{LD8, 1}, {RET}}, packet) == std::to_string(0x02));
    BOOST_TEST(run({{LD16, 1}, {RET}}, packet) == std::to_string(0x0203));
    BOOST_TEST(run({{LD32, 1}, {RET}}, packet) == std::to_string(0x02030405));
    BOOST_TEST(run({{LD64, 1}, {RET}}, packet) == std::to_string(0x0203040506070809));
    BOOST_TEST(run({{PUSH8, 3}, {LDX16, 2}, {RET}}, packet) == std::to_string(0x0607));
    for (const Op load : {Op{LD8, 4}, Op{LD16, 4}, Op{LD32, 4}, Op{LD64, 4}}) {
        const size_t needed = 4 + load_size(load.op);
        const auto short_packet = ByteView(packet).first(needed - 1);
        BOOST_TEST(run({load, {RET}}, short_packet) == "BOUNDS");
        BOOST_TEST(run({load, {RET}}, ByteView(packet).first(needed)) != "BOUNDS");
    }
    BOOST_TEST(run({{LD8, 0}, {RET}}) == "BOUNDS");
    BOOST_TEST(run({{LD64, 65535}, {RET}}, packet) == "BOUNDS");
}

BOOST_AUTO_TEST_CASE(sums_of_base_and_offset_do_not_wrap) {
    const Bytes packet(12, 9);
    for (const uint64_t base :
         {uint64_t{12}, uint64_t{65536}, UINT64_MAX, UINT64_MAX - 7, uint64_t{1} << 63})
        for (const Opcode op : {LDX8, LDX16, LDX32, LDX64})
            BOOST_TEST(run({{PUSH, base}, {op, 8}, {RET}}, packet) == "BOUNDS");
    BOOST_TEST(run({{PUSH8, 11}, {LDX8, 0}, {RET}}, packet) == "9");
    BOOST_TEST(run({{PUSH8, 11}, {LDX8, 1}, {RET}}, packet) == "BOUNDS");
}

BOOST_AUTO_TEST_CASE(a_packet_is_cut_to_65535_bytes) {
    Bytes packet(70000);
    packet[65534] = 8;
    packet[65535] = 9;
    BOOST_TEST(run({{LEN}, {RET}}, packet) == "65535");
    BOOST_TEST(run({{LD8, 65534}, {RET}}, packet) == "8");
    BOOST_TEST(run({{LD8, 65535}, {RET}}, packet) == "BOUNDS");
    BOOST_TEST(run({{LD16, 65534}, {RET}}, packet) == "BOUNDS");
    BOOST_TEST(run({{LEN}, {RET}}) == "0");
}

BOOST_AUTO_TEST_CASE(branches_compare_unsigned) {
    // PUSH a, PUSH b, Jcc +3 (over PUSH8 0, RET)
    const auto taken = [](Opcode op, uint64_t a, uint64_t b) {
        return run({{PUSH, a}, {PUSH, b}, {op, 3}, {PUSH8, 0}, {RET}, {PUSH8, 1}, {RET}});
    };
    for (const uint64_t a : {uint64_t{0}, uint64_t{1}, UINT64_MAX, uint64_t{1} << 63})
        for (const uint64_t b : {uint64_t{0}, uint64_t{1}, UINT64_MAX, uint64_t{1} << 63})
            for (const Opcode op : {JEQ, JNE, JGT, JLT, JGE, JLE})
                BOOST_TEST(taken(op, a, b) == std::to_string(compare(comparison_of(op), a, b)));
}

BOOST_AUTO_TEST_CASE(backward_jumps_loop) {
    // Counts down from LEN in flow entry 0; the loop is 11 instructions of 17 bytes.
    const std::initializer_list<Op> loop = {
        {PUSH8, 0},    {LEN},
        {FLOW_STORE},  // entry 0 = len
        {PUSH8, 0},    {PUSH8, 0},
        {NOT},         {FLOW_ADD, 0},  // entry 0 -= 1
        {PUSH8, 1},    {PUSH8, 3},
        {FLOW_ADD, 0}, {POP},                                       // entry 1 += 3
        {PUSH8, 0},    {JNE, static_cast<uint64_t>(int64_t{-19})},  // while entry 0 != 0
        {PUSH8, 1},    {FLOW_LOAD},
        {RET}};
    const Bytes packet(100);
    BOOST_TEST(run(loop, packet) == "300");
    const Bytes large(2000);
    BOOST_TEST(run(loop, large) == "LIMIT");
}

BOOST_AUTO_TEST_CASE(fuel_is_paid_when_a_block_is_entered) {
    // Blocks of 3, 5 and 2 instructions; the jump is not taken.
    const Module module = {.code = code_of({{PUSH8, 1},
                                            {PUSH8, 2},
                                            {JEQ, 7},  //
                                            {PUSH8, 7},
                                            {PUSH8, 9},
                                            {FLOW_STORE},
                                            {NOW},
                                            {RET},
                                            {PUSH8, 3},
                                            {RET}}),
                           .tables = {}};
    const auto with_fuel = [&](uint64_t fuel) {
        Module limited = module;
        limited.fuel = fuel;
        return engine_of(std::move(limited));
    };
    BOOST_TEST(text(with_fuel(0)->run({})) == "LIMIT");
    BOOST_TEST(text(with_fuel(2)->run({})) == "LIMIT");
    const auto starved = with_fuel(7);
    BOOST_TEST(text(starved->run({})) == "LIMIT");
    BOOST_TEST(starved->flows().empty());
    BOOST_TEST(*starved->ended_at() == 7u);
    const auto fed = with_fuel(8);
    BOOST_TEST(text(fed->run({.timestamp = 5})) == "5");
    BOOST_TEST(fed->flows().size() == 1u);
}

BOOST_AUTO_TEST_CASE(fuel_is_paid_where_a_jump_target_is_reached_by_falling_through) {
    // The jump goes to the last LEN and so splits the straight line: blocks of 3, 1 and 2.
    const Bytes code = code_of({{LEN}, {PUSH8, 0}, {JEQ, 2}, {PUSH8, 5}, {LEN}, {RET}});
    Module module{.code = code, .fuel = 4};
    const Bytes packet(1);
    BOOST_TEST(text(engine_of(module)->run({.bytes = packet})) == "LIMIT");
    BOOST_TEST(text(engine_of(module)->run({})) == "LIMIT");
    module.fuel = 5;
    BOOST_TEST(text(engine_of(module)->run({})) == "0");
    BOOST_TEST(text(engine_of(module)->run({.bytes = packet})) == "LIMIT");
    module.fuel = 6;
    BOOST_TEST(text(engine_of(module)->run({.bytes = packet})) == "1");
}

BOOST_AUTO_TEST_CASE(flow_tables_live_from_packet_to_packet) {
    const auto engine = engine_of({{PUSH8, 4}, {PUSH8, 1}, {FLOW_ADD, 0}, {RET}});
    BOOST_TEST(text(engine->run({})) == "1");
    BOOST_TEST(text(engine->run({})) == "2");
    BOOST_TEST(text(engine->run({})) == "3");
    const std::vector<FlowEntry> expected = {{0, 4, 3}};
    BOOST_TEST((engine->flows() == expected));
}

BOOST_AUTO_TEST_CASE(flow_tables_are_apart) {
    Module module = {.code = code_of({{PUSH8, 1},
                                      {PUSH8, 10},
                                      {FLOW_SET, 1},
                                      {PUSH8, 1},
                                      {FLOW_GET, 0},
                                      {PUSH8, 1},
                                      {FLOW_GET, 1},
                                      {ADD},
                                      {PUSH8, 1},
                                      {FLOW_LOAD},
                                      {ADD},
                                      {RET}}),
                     .tables = {{.name = "a"}, {.name = "b"}}};
    const auto engine = engine_of(std::move(module));
    BOOST_TEST(text(engine->run({})) == "10");
    const std::vector<FlowEntry> expected = {{1, 1, 10}};
    BOOST_TEST((engine->flows() == expected));
}

BOOST_AUTO_TEST_CASE(writes_before_an_error_stay) {
    const auto engine = engine_of({{PUSH8, 1}, {PUSH8, 2}, {FLOW_STORE}, {LD8, 0}, {RET}});
    BOOST_TEST(text(engine->run({})) == "BOUNDS");
    BOOST_TEST(engine->flows().size() == 1u);
}

BOOST_AUTO_TEST_CASE(refused_stores_are_counted_and_no_error) {
    Module module = {.code = code_of({{LEN}, {PUSH8, 3}, {FLOW_ADD, 0}, {RET}}),
                     .tables = {{.name = "t", .capacity = 1, .eviction = Eviction::none}}};
    const auto engine = engine_of(std::move(module));
    const Bytes packet(1);
    BOOST_TEST(text(engine->run({})) == "3");
    BOOST_TEST(text(engine->run({.bytes = packet})) == "3");
    BOOST_TEST(text(engine->run({})) == "6");
    BOOST_TEST(engine->refused_stores() == 1u);
}

BOOST_AUTO_TEST_CASE(now_is_the_timestamp_and_rand_one_sequence) {
    const auto clock = engine_of({{NOW}, {NOW}, {SUB}, {NOW}, {ADD}, {RET}});
    BOOST_TEST(text(clock->run({.timestamp = 123456789012345})) == "123456789012345");
    const auto dice = engine_of({{RAND}, {RET}});
    RandomSequence sequence;
    for (int i = 0; i < 10; ++i) BOOST_TEST(dice->run({}).value == sequence.next());
}

BOOST_AUTO_TEST_CASE(headers_are_those_of_the_walk) {
    Bytes packet(60);
    packet[12] = 8;
    packet[14] = 0x46;  // one option
    packet[23] = 17;
    for (unsigned what = 0; what < kHeaderFacts; ++what) {
        const uint64_t expected = walk_headers(packet)[static_cast<HeaderFact>(what)];
        BOOST_TEST(run({{HDR, what}, {RET}}, packet) == std::to_string(expected));
    }
    BOOST_TEST(run({{HDR, 1}, {RET}}, packet) == "38");
    BOOST_TEST(run({{HASH5}, {RET}}, packet) ==
               std::to_string(hash5(packet, walk_headers(packet))));
    BOOST_TEST(run({{HDR, 0}, {RET}}) == std::to_string(UINT64_MAX));
}

BOOST_AUTO_TEST_CASE(an_import_without_its_function_is_refused_by_name_and_place) {
    const Module module = {.code = code_of({{PUSH8, 1}, {CALL, 0}, {RET}}),
                           .imports = {{.name = "f", .arity = 1}},
                           .source_name = "x.vfm"};
    const auto engine = instance_of(interpreter_program(verified(module)));
    BOOST_REQUIRE(!engine);
    BOOST_TEST(int(engine.error().status) == int(Status::refused));
    BOOST_TEST(render(engine.error().diagnostics) ==
               "x.vfm:+0x2: error: there is no host function 'f'\n");
}

BOOST_AUTO_TEST_CASE(keys_are_looked_up_in_sets) {
    Module module = {
        .sets = {
            {.name = "s", .width = 32, .members = {{0, 7, 32}, {0, 0xa000000, 8}}},
            {.name = "w", .width = 128, .members = {{0x20010db800000000, 0, 32}, {0, 9, 128}}}}};
    const auto in = [&](std::initializer_list<Op> ops) {
        module.code = code_of(ops);
        return text(engine_of(module)->run({}));
    };
    BOOST_TEST(in({{PUSH8, 7}, {IN, 0}, {RET}}) == "1");
    BOOST_TEST(in({{PUSH32, 0xaffffff}, {IN, 0}, {RET}}) == "1");
    BOOST_TEST(in({{PUSH8, 8}, {IN, 0}, {RET}}) == "0");
    BOOST_TEST(in({{PUSH, 0x100000007}, {IN, 0}, {RET}}) == "0");
    BOOST_TEST(in({{PUSH8, 9}, {IN, 1}, {RET}}) == "1");
    BOOST_TEST(in({{PUSH, 0x20010db812345678}, {PUSH8, 5}, {IN128, 1}, {RET}}) == "1");
    BOOST_TEST(in({{PUSH8, 5}, {PUSH, 0x20010db812345678}, {IN128, 1}, {RET}}) == "0");
    BOOST_TEST(in({{PUSH8, 0}, {PUSH8, 7}, {IN128, 0}, {RET}}) == "1");
    BOOST_TEST(in({{PUSH8, 1}, {PUSH8, 7}, {IN128, 0}, {RET}}) == "0");
}

BOOST_AUTO_TEST_CASE(rules_match_and_have_verdicts) {
    using enum RuleTest::Kind;
    Module module = {.rule_tables = {{.name = "r",
                                      .key_widths = {128, 32},
                                      .verdicts = {5, 6},
                                      .default_verdict = 7,
                                      .rows = {{1, {{prefix, 1, 2, 0, 0, 128}, {}}},
                                               {2, {{}, {range, 0, 10, 0, 20, 0}}}}}}};
    const auto match = [&](uint64_t hi, uint64_t lo, uint64_t key, uint64_t mask) {
        module.code = code_of({{PUSH8, 77},
                               {PUSH, hi},
                               {PUSH, lo},
                               {PUSH, key},
                               {PUSH, mask},
                               {MATCH, 0},
                               {DUP},
                               {VERDICT, 0},
                               {PUSH8, 100},
                               {MUL},
                               {ADD},
                               {ADD},
                               {RET}});
        return engine_of(module)->run({}).value - 77;
    };
    BOOST_TEST(match(1, 2, 15, 3) == 501u);
    BOOST_TEST(match(2, 1, 15, 3) == 602u);
    BOOST_TEST(match(1, 2, 15, 2) == 602u);
    BOOST_TEST(match(1, 2, 15, 0) == 700u);
    BOOST_TEST(match(1, 3, 21, 3) == 700u);
    BOOST_TEST(match(1, 3, (uint64_t{1} << 32) + 15, 3) == 700u);
}

BOOST_AUTO_TEST_CASE(packets_and_bytes_are_counted) {
    const CounterPlace place = {"f.vfl", 1, "", ""};
    const Module module = {
        .code = code_of({{LD8, 0}, {COUNT, 1}, {PUSH8, 0}, {COUNT, 0}, {LD8, 1}, {RET}}),
        .counter_groups = {{"a", {place}}, {"b", {place, place, place}}}};
    const auto shared = std::make_shared<Counters>(module.counter_groups);
    const auto engine = engine_of(module, {.counters = shared});
    const Bytes two = {2, 9}, one = {2}, beyond = {3, 9, 9};
    BOOST_TEST(text(engine->run({.bytes = two})) == "9");
    BOOST_TEST(text(engine->run({.bytes = one})) == "BOUNDS");  // what was counted stays
    BOOST_TEST(text(engine->run({.bytes = beyond})) == "9");
    const std::vector<std::vector<Count>> expected = {{{3, 6}}, {{0, 0}, {0, 0}, {2, 3}}};
    BOOST_CHECK(engine->counters() == expected);
    BOOST_CHECK(shared->values() == expected);
    // Another instance has its own, unless it is given these.
    const std::vector<std::vector<Count>> none = {{{}}, {{}, {}, {}}};
    BOOST_CHECK(engine_of(module)->counters() == none);
    BOOST_CHECK(engine_of(module, {.counters = shared})->counters() == expected);
}

BOOST_AUTO_TEST_CASE(keys_of_several_words_are_told_apart) {
    Module module = {
        .tables = {{.name = "one"}, {.name = "t", .key = {KeyKind::ip, KeyKind::port}}}};
    module.code = code_of({{LD8, 0},
                           {LD8, 1},
                           {PUSH8, 3},
                           {PUSH8, 10},
                           {FLOW_ADD, 1},
                           {LD8, 0},
                           {LD8, 1},
                           {PUSH8, 4},
                           {PUSH8, 6},
                           {FLOW_SET, 1},
                           {LD8, 0},
                           {LD8, 1},
                           {PUSH8, 4},
                           {FLOW_GET, 1},
                           {ADD},
                           {RET}});
    const auto engine = engine_of(module);
    const Bytes ab = {1, 2}, ba = {2, 1};
    BOOST_TEST(text(engine->run({.bytes = ab})) == "16");
    BOOST_TEST(text(engine->run({.bytes = ab})) == "26");
    BOOST_TEST(text(engine->run({.bytes = ba})) == "16");
    auto flows = engine->flows();
    std::ranges::sort(flows);
    const auto key = [](uint64_t a, uint64_t b, uint64_t c) {
        return FlowKey(std::vector<uint64_t>{a, b, c});
    };
    const std::vector<FlowEntry> expected = {
        {1, key(1, 2, 3), 20}, {1, key(1, 2, 4), 6}, {1, key(2, 1, 3), 10}, {1, key(2, 1, 4), 6}};
    BOOST_CHECK(flows == expected);
}

BOOST_AUTO_TEST_CASE(it_says_where_a_run_ended_and_what_ran) {
    const Bytes code = code_of({{LD8, 0}, {PUSH8, 0}, {JEQ, 4}, {LD8, 1}, {RET}, {LEN}, {RET}});
    const auto engine = engine_of(Module{.code = code}, {}, {.count_blocks = true});
    const Bytes zero = {0}, one = {1};
    engine->run({});
    BOOST_TEST(*engine->ended_at() == 0u);
    engine->run({.bytes = one});
    BOOST_TEST(*engine->ended_at() == 8u);
    engine->run({.bytes = zero});
    BOOST_TEST(*engine->ended_at() == 13u);
    const std::vector<uint64_t> expected = {3, 1, 1};
    BOOST_TEST(std::ranges::equal(engine->block_runs(), expected));
    BOOST_TEST(engine_of(Module{.code = code})->block_runs().empty());
}

BOOST_AUTO_TEST_CASE(runs_of_blocks_are_counted_where_fuel_ends_too) {
    Module module{.code = code_of({{LEN}, {PUSH8, 0}, {JEQ, 2}, {PUSH8, 5}, {LEN}, {RET}})};
    module.fuel = 5;
    const auto engine = engine_of(module, {}, {.count_blocks = true});
    const Bytes packet(1);
    BOOST_TEST(text(engine->run({.bytes = packet})) == "LIMIT");
    BOOST_TEST(*engine->ended_at() == 8u);
    BOOST_TEST(text(engine->run({})) == "0");
    const std::vector<uint64_t> expected = {2, 1, 1};
    BOOST_TEST(std::ranges::equal(engine->block_runs(), expected));
}

/// The arguments as decimal digits, behind `user`.
template <size_t kArity>
uint64_t digits(void* user, const uint64_t* arguments) {
    uint64_t number = *static_cast<uint64_t*>(user);
    for (size_t i = 0; i < kArity; ++i) number = number * 10 + arguments[i];
    return number;
}

BOOST_AUTO_TEST_CASE(a_call_hands_over_its_arguments_the_first_pushed_first) {
    uint64_t user = 9;
    const std::vector<HostFunction> host = {
        {"five", 5, digits<5>, &user}, {"none", 0, digits<0>, &user}, {"two", 2, digits<2>, &user}};
    const auto call = [&](std::initializer_list<Op> ops) {
        Module module{.code = code_of(ops), .imports = {{"none", 0}, {"two", 2}, {"five", 5}}};
        return text(engine_of(std::move(module), {.host_functions = host})->run({}));
    };
    BOOST_TEST(call({{CALL, 0}, {RET}}) == "9");
    BOOST_TEST(call({{PUSH8, 7}, {CALL, 0}, {POP}, {RET}}) == "7");
    BOOST_TEST(call({{PUSH8, 1}, {PUSH8, 2}, {CALL, 1}, {RET}}) == "912");
    BOOST_TEST(call({{PUSH8, 7}, {PUSH8, 1}, {PUSH8, 2}, {CALL, 1}, {SUB}, {NEG}, {RET}}) == "905");
    BOOST_TEST(
        call({{PUSH8, 1}, {PUSH8, 2}, {PUSH8, 3}, {PUSH8, 4}, {PUSH8, 5}, {CALL, 2}, {RET}}) ==
        "912345");
    // With the stack full to the brim.
    Bytes code;
    for (unsigned i = 0; i < kMaxStack; ++i) encode(code, PUSH8, i % 8);
    encode(code, CALL, 2);
    encode(code, RET);
    const auto engine =
        engine_of(Module{.code = code, .imports = {{"none", 0}, {"two", 2}, {"five", 5}}},
                  {.host_functions = host});
    BOOST_TEST(text(engine->run({})) == "934567");
}

BOOST_AUTO_TEST_CASE(sequences_run_as_one_step_mean_the_same) {
    // Every comparison of a field with a number, with and without a mask, jumping over RET 0.
    const Bytes packet = {0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0};
    const ByteView cut = ByteView(packet).first(7);
    for (const Opcode load : {LD8, LD16, LD32, LD64}) {
        const uint64_t field = load_be(packet.data(), load_size(load));
        for (const Opcode branch : {JEQ, JNE, JGT, JLT, JGE, JLE})
            for (const uint64_t mask : {UINT64_MAX, uint64_t{0xf0}})
                for (const uint64_t k : {field & mask, (field & mask) + 1, (field & mask) - 1}) {
                    Bytes code = code_of({{load, 0}, {PUSH, k}, {branch, 3}});
                    if (mask != UINT64_MAX)
                        code = code_of({{load, 0}, {PUSH, mask}, {AND}, {PUSH, k}, {branch, 3}});
                    for (const Op& op : {Op{PUSH8, 0}, Op{RET}, Op{PUSH8, 1}, Op{RET}})
                        encode(code, op.op, op.imm);
                    const auto engine = engine_of(Module{.code = code});
                    BOOST_TEST(engine->run({.bytes = packet}).value ==
                               compare(comparison_of(branch), field & mask, k));
                    if (load != LD64) continue;
                    BOOST_TEST(text(engine->run({.bytes = cut})) == "BOUNDS");
                    BOOST_TEST(*engine->ended_at() == 0u);
                }
    }
    for (const Opcode op : {ADD, SUB, MUL, AND, OR, XOR, SHL, SHR, EQ, NE, GT, LT, GE, LE})
        for (const uint64_t k : {uint64_t{0}, uint64_t{8}, uint64_t{9}, UINT64_MAX})
            BOOST_TEST(run({{LEN}, {PUSH, k}, {op}, {RET}}, packet) ==
                       run({{PUSH, k}, {LEN}, {SWAP}, {op}, {RET}}, packet));
    const auto engine = engine_of({{PUSH8, 7}, {RET}});
    BOOST_TEST(text(engine->run({})) == "7");
    BOOST_TEST(*engine->ended_at() == 2u);  // of the RET, not of the PUSH
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm

#pragma GCC diagnostic pop
