// Whole programs as machine code, against the reference interpreter: deep stacks, greatest sizes,
// host functions, threads.
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <thread>
#include <vector>

#include "core/base/check.h"
#include "core/ir/lift/lift.h"
#include "core/ir/native/native_passes.h"
#include "tests/harness/rng.h"
#include "userspace/interp/interpreter.h"
#include "userspace/jit/native_program.h"

BOOST_AUTO_TEST_SUITE(programs_test)

using namespace vfm;
using jit::NativeProgram;

namespace {

class Code {
  public:
    Code& emit(Opcode op, uint64_t imm = 0) {
        encode(module.code, op, imm);
        return *this;
    }
    size_t size() const { return module.code.size(); }
    bool full() const { return size() > kMaxCode - 1000; }
    /// Lets the jump that ends at `from` land at `to`.
    void land(size_t from, size_t to) {
        const auto distance = static_cast<int64_t>(to) - static_cast<int64_t>(from);
        VFM_CHECK(distance >= -32768 && distance < 32768, "a test's jump is short enough");
        module.code[from - 2] = static_cast<uint8_t>(distance);
        module.code[from - 1] = static_cast<uint8_t>(distance >> 8);
    }
    VerifiedModule verified() const {
        auto program = verify(module);
        VFM_CHECK(program.has_value(), program.error().reason.c_str());
        return *program;
    }

    Module module;
};

std::vector<Bytes> packets() {
    test::Rng rng(1);
    std::vector<Bytes> all;
    for (const size_t size : {0, 1, 13, 200, 256, 300, 1500, 1514}) {
        Bytes packet(size);
        for (uint8_t& byte : packet) byte = static_cast<uint8_t>(rng.next());
        all.push_back(packet);
        all.push_back(Bytes(size, 0));
    }
    return all;
}

/// Runs the program on packets in the reference and as machine code with several choices of
/// registers.
void agree(const Code& code, const InstanceOptions& options = {}) {
    const VerifiedModule program = code.verified();
    auto function = ir::lift(program);
    BOOST_TEST_REQUIRE(function.has_value());
    ir::optimise_for_native(*function);
    for (const uint64_t seed : {0, 1, 2, 3, 4, 5}) {
        auto reference = instance_of(interpreter_program(program), options);
        auto compiled = NativeProgram::compile(program, *function, {.register_seed = seed});
        BOOST_TEST_REQUIRE(compiled.has_value(), render(compiled ? std::vector<Diagnostic>{}
                                                                 : compiled.error().diagnostics));
        auto native = (*compiled)->instantiate(options);
        BOOST_TEST_REQUIRE((reference.has_value() && native.has_value()));
        for (const Bytes& bytes : packets()) {
            const Packet packet{bytes, 5};
            const Outcome wanted = (*reference)->run(packet), got = (*native)->run(packet);
            BOOST_TEST_REQUIRE((got == wanted), "value " << got.value << " instead of "
                                                         << wanted.value << ", seed " << seed
                                                         << ", " << bytes.size() << " bytes");
        }
    }
}

}  // namespace

// ---- register pressure ----

BOOST_AUTO_TEST_CASE(full_stack_of_loads) {
    Code code;
    for (unsigned i = 0; i < 256; ++i) code.emit(Opcode::LD8, i % 13);
    for (unsigned i = 0; i < 255; ++i) code.emit(i % 2 ? Opcode::SUB : Opcode::MUL);
    agree(code.emit(Opcode::RET));
}

BOOST_AUTO_TEST_CASE(full_stack_of_results) {
    Code code;
    code.emit(Opcode::LEN);
    for (unsigned i = 1; i < 255; ++i)
        code.emit(Opcode::PICK, i / 2)
            .emit(Opcode::LD8, i % 13)
            .emit(Opcode::ADD)
            .emit(Opcode::NOT);
    for (unsigned i = 0; i < 254; ++i) code.emit(i % 3 ? Opcode::XOR : Opcode::SUB);
    agree(code.emit(Opcode::RET));
}

BOOST_AUTO_TEST_CASE(full_stack_across_branches_and_calls) {
    Code code;
    for (unsigned i = 0; i < 200; ++i)
        code.emit(Opcode::LD8, i % 13).emit(Opcode::PUSH8, i).emit(Opcode::XOR).emit(Opcode::NEG);
    for (unsigned i = 0; i < 40; ++i) {
        code.emit(Opcode::DUP).emit(Opcode::LD8, i % 13).emit(Opcode::JGT, 1).emit(Opcode::NOT);
        code.emit(Opcode::LD8, i % 7).emit(Opcode::PICK, i).emit(Opcode::FLOW_ADD, 0);
        code.emit(Opcode::RAND).emit(Opcode::ADD).emit(Opcode::XOR);
        code.emit(Opcode::PICK, 190).emit(Opcode::LD8, 2).emit(Opcode::PUSH8, 1).emit(Opcode::OR);
        code.emit(i % 2 ? Opcode::DIV : Opcode::MOD).emit(Opcode::ADD);
        code.emit(Opcode::LD8, 1).emit(Opcode::SHL);
    }
    for (unsigned i = 0; i < 199; ++i) code.emit(i % 3 ? Opcode::XOR : Opcode::SUB);
    agree(code.emit(Opcode::RET));
}

BOOST_AUTO_TEST_CASE(loops_that_turn_the_stack) {
    Code code;
    for (unsigned i = 0; i < 20; ++i) code.emit(Opcode::LD8, i % 13);
    code.emit(Opcode::PUSH8, 50);
    const size_t head = code.size();
    // The counter is on top; below it the values go round.
    for (unsigned i = 0; i < 6; ++i)
        code.emit(Opcode::SWAP).emit(Opcode::PICK, i + 2).emit(Opcode::ADD).emit(Opcode::SWAP);
    code.emit(Opcode::PUSH8, 1).emit(Opcode::SUB).emit(Opcode::DUP).emit(Opcode::PUSH8, 0);
    code.emit(Opcode::JNE);
    code.land(code.size(), head);
    for (unsigned i = 0; i < 20; ++i) code.emit(Opcode::XOR);
    agree(code.emit(Opcode::RET));
}

// ---- greatest sizes ----

BOOST_AUTO_TEST_CASE(straight) {
    Code code;
    code.emit(Opcode::LD8, 0);
    while (!code.full()) code.emit(Opcode::LD16, code.size() % 1500).emit(Opcode::ADD);
    code.module.fuel = 100000;
    agree(code.emit(Opcode::RET));
}

BOOST_AUTO_TEST_CASE(values_that_all_wait) {
    Code code;
    // A chain in which every link is used again at the end.
    for (unsigned i = 0; i < 255; ++i) code.emit(Opcode::LD8, i % 13).emit(Opcode::NOT);
    while (!code.full())
        code.emit(Opcode::PICK, 250)
            .emit(Opcode::ADD)
            .emit(Opcode::NOT)
            .emit(Opcode::DUP)
            .emit(Opcode::POP);
    for (unsigned i = 0; i < 254; ++i) code.emit(Opcode::XOR);
    code.module.fuel = 100000;
    agree(code.emit(Opcode::RET));
}

BOOST_AUTO_TEST_CASE(rules) {
    Code code;
    while (!code.full())
        code.emit(Opcode::LD32, 26)
            .emit(Opcode::PUSH32, code.size() * 2654435761u & 0xffffffff)
            .emit(Opcode::JNE, 3)
            .emit(Opcode::PUSH8, 1)
            .emit(Opcode::RET);
    code.module.fuel = 100000;
    agree(code.emit(Opcode::PUSH8, 0).emit(Opcode::RET));
}

BOOST_AUTO_TEST_CASE(deep_stacks_under_many_diamonds) {
    Code code;
    for (unsigned i = 0; i < 250; ++i) code.emit(Opcode::LD8, i % 200);
    while (!code.full())
        code.emit(Opcode::DUP)
            .emit(Opcode::LD8, code.size() % 200)
            .emit(Opcode::JEQ, 1)
            .emit(Opcode::NOT);
    for (unsigned i = 0; i < 249; ++i) code.emit(Opcode::XOR);
    code.module.fuel = 100000;
    agree(code.emit(Opcode::RET));
}

BOOST_AUTO_TEST_CASE(many_calls) {
    Code code;
    code.emit(Opcode::LD8, 0);
    while (!code.full())
        code.emit(Opcode::LD8, code.size() % 13)
            .emit(Opcode::PUSH8, 3)
            .emit(Opcode::FLOW_ADD, 0)
            .emit(Opcode::ADD);
    code.module.fuel = 100000;
    agree(code.emit(Opcode::RET));
}

// ---- host functions ----

namespace {

uint64_t sum(void* user, const uint64_t* arguments) {
    auto& calls = *static_cast<unsigned*>(user);
    ++calls;
    return arguments[0] + 3 * arguments[1] + 5 * arguments[2] + 7 * arguments[3] +
           11 * arguments[4];
}
uint64_t none(void*, const uint64_t*) { return 99; }

}  // namespace

BOOST_AUTO_TEST_CASE(host_functions) {
    unsigned calls = 0;
    const std::vector<HostFunction> functions = {
        {"none", 0, none, nullptr}, {"sum", 4, none, nullptr}, {"sum", 5, sum, &calls}};
    Code code;
    code.module.imports = {{"sum", 5}, {"none", 0}};
    code.emit(Opcode::LEN).emit(Opcode::LD8, 3).emit(Opcode::LD16, 4).emit(Opcode::PUSH8, 7);
    code.emit(Opcode::CALL, 1).emit(Opcode::CALL, 0).emit(Opcode::LEN).emit(Opcode::ADD);
    code.emit(Opcode::LD8, 1).emit(Opcode::CALL, 1).emit(Opcode::ADD).emit(Opcode::MUL);
    code.emit(Opcode::RET);
    agree(code, {.host_functions = functions});
    BOOST_TEST(calls > 0u);

    const auto missing = instance_of(NativeProgram::compile(code.verified()));
    BOOST_TEST_REQUIRE(!missing.has_value());
    BOOST_CHECK(missing.error().status == Status::refused);
    BOOST_TEST(render(missing.error().diagnostics).contains("sum"));
}

// ---- memory, threads ----

BOOST_AUTO_TEST_CASE(no_memory_is_writable_and_executable) {
    std::vector<std::shared_ptr<const NativeProgram>> programs;
    Code code;
    code.emit(Opcode::LEN).emit(Opcode::RET);
    for (unsigned i = 0; i < 100; ++i) programs.push_back(*NativeProgram::compile(code.verified()));
    std::ifstream maps("/proc/self/maps");
    size_t executable = 0;
    for (std::string line; std::getline(maps, line);) {
        const std::string rights = line.substr(line.find(' ') + 1, 4);
        executable += rights.contains('x');
        BOOST_TEST(!(rights.contains('x') && rights.contains('w')), line);
    }
    BOOST_TEST(executable > 0u);
}

BOOST_AUTO_TEST_CASE(threads_share_a_program) {
    Code code;
    code.emit(Opcode::LD8, 0).emit(Opcode::PUSH8, 1).emit(Opcode::FLOW_ADD, 0);
    code.emit(Opcode::RAND).emit(Opcode::ADD).emit(Opcode::RET);
    const auto program = *NativeProgram::compile(code.verified());
    const auto run = [&] {
        auto engine = *program->instantiate();
        const Bytes bytes(20, 7);
        std::vector<uint64_t> values;
        for (unsigned i = 0; i < 2000; ++i) values.push_back(engine->run({bytes}).value);
        return values;
    };
    const std::vector<uint64_t> wanted = run();
    std::vector<std::vector<uint64_t>> got(4);
    std::vector<std::thread> threads;
    for (auto& values : got) threads.emplace_back([&] { values = run(); });
    for (std::thread& thread : threads) thread.join();
    for (const auto& values : got) BOOST_TEST((values == wanted));
}

/// Counts packets by their first byte.
Code counting() {
    Code code;
    code.emit(Opcode::LD8, 0).emit(Opcode::PUSH8, 1).emit(Opcode::FLOW_ADD, 0).emit(Opcode::RET);
    return code;
}

BOOST_AUTO_TEST_CASE(instances_share_the_tables_of_a_filter) {
    const VerifiedModule program = counting().verified();
    const auto tables = std::make_shared<FlowTables>(program.tables());
    std::vector<std::unique_ptr<Instance>> instances;
    {  // the programs live on with their instances
        const std::shared_ptr<const UserProgram> native = *NativeProgram::compile(program);
        const std::shared_ptr<const UserProgram> reference = *interpreter_program(program);
        for (unsigned i = 0; i < 2; ++i) {
            instances.push_back(*native->instantiate_on(tables));
            instances.push_back(*reference->instantiate_on(tables));
        }
        instances.push_back(*native->instantiate());  // has its own
    }
    const Bytes bytes(20, 7);
    for (uint64_t i = 0; i < 4; ++i) BOOST_TEST(instances[i]->run({bytes}).value == i + 1);
    BOOST_TEST(instances[4]->run({bytes}).value == 1u);
    BOOST_TEST((*tables)[0].get(7) == 4u);
    BOOST_TEST((instances[0]->flows() == instances[3]->flows()));
}

BOOST_AUTO_TEST_CASE(bursts_are_compiled_when_they_are_asked_for) {
    const VerifiedModule program = counting().verified();
    const std::vector<Bytes> bytes(100, Bytes(20, 7));
    std::vector<Packet> burst;
    for (const Bytes& packet : bytes) burst.push_back({packet});
    for (const bool asked : {false, true}) {
        jit::CompileOptions options;
        if (asked) options.bursts = jit::BurstVariant::best;
        const auto native = *NativeProgram::compile(program, options);
        BOOST_TEST((native->bursts() != nullptr) == asked);
        const auto instance = *native->instantiate();
        std::vector<Outcome> outcomes(burst.size());
        instance->run_batch(burst, outcomes);
        for (uint64_t i = 0; i < outcomes.size(); ++i) BOOST_TEST(outcomes[i].value == i + 1);
    }
}

BOOST_AUTO_TEST_CASE(a_seed_chooses_the_random_numbers) {
    Code code;
    code.emit(Opcode::RAND).emit(Opcode::RET);
    const std::shared_ptr<const Program> programs[] = {*NativeProgram::compile(code.verified()),
                                                       *interpreter_program(code.verified())};
    const auto first = [&](size_t program, std::optional<uint64_t> seed) {
        const auto instance = *programs[program]->instantiate({.random_seed = seed});
        const uint64_t one = instance->run({}).value;
        return std::pair(one, instance->run({}).value);
    };
    for (const std::optional<uint64_t> seed : {std::optional<uint64_t>(), {0}, {1}, {UINT64_MAX}})
        BOOST_CHECK(first(0, seed) == first(1, seed));
    BOOST_CHECK(first(0, {}) == first(0, {}));
    BOOST_CHECK(first(0, {}) != first(0, 0));
    BOOST_CHECK(first(0, 0) != first(0, 1));
}

BOOST_AUTO_TEST_CASE(threads_compile_at_once) {
    std::vector<std::thread> threads;
    std::vector<unsigned> wrong(4);
    for (uint64_t t = 0; t < 4; ++t)
        threads.emplace_back([t, &wrong] {
            for (uint64_t i = 0; i < 300; ++i) {
                Code code;
                code.emit(Opcode::LEN).emit(Opcode::PUSH32, t << 16 | i).emit(Opcode::XOR);
                code.emit(Opcode::RET);
                const auto engine = *instance_of(NativeProgram::compile(code.verified()));
                const Bytes bytes(9);
                wrong[t] += engine->run({bytes}).value != ((t << 16 | i) ^ 9);
            }
        });
    for (std::thread& thread : threads) thread.join();
    for (const unsigned count : wrong) BOOST_TEST(count == 0u);
}

BOOST_AUTO_TEST_CASE(lines_lead_back_to_the_bytecode) {
    Code code;
    code.emit(Opcode::LD8, 9).emit(Opcode::LD8, 10).emit(Opcode::MUL).emit(Opcode::RET);
    const auto program = *NativeProgram::compile(code.verified(), {.lines = true});
    BOOST_TEST_REQUIRE(!program->lines().empty());
    uint32_t last = 0;
    for (const jit::NativeLine& line : program->lines()) {
        BOOST_TEST(line.code_offset < program->instruction_bytes());
        BOOST_TEST((line.code_offset > last || &line == program->lines().data()));
        BOOST_TEST(line.bytecode_offset < code.size());
        last = line.code_offset;
    }
    BOOST_TEST((*NativeProgram::compile(code.verified()))->lines().empty());
}

// Which counter it was that counted last, known beforehand and not, one beyond its group among
// them; what is counted stays the same.
BOOST_AUTO_TEST_CASE(the_counter_that_counted_last) {
    Code code;
    for (const size_t size : {40, 200})
        code.module.counter_groups.push_back(
            {size == 40 ? "few" : "many", std::vector<CounterPlace>(size, {"f.vfl", 1, "a", ""})});
    code.emit(Opcode::LD8, 0).emit(Opcode::COUNT, 0).emit(Opcode::LD8, 1).emit(Opcode::PUSH8, 90);
    const size_t small = code.emit(Opcode::JLT).size();
    code.emit(Opcode::LD8, 1).emit(Opcode::COUNT, 1);
    const size_t large =
        code.emit(Opcode::LD8, 1).emit(Opcode::PUSH8, 220).emit(Opcode::JGT).size();
    code.emit(Opcode::PUSH8, 7).emit(Opcode::COUNT, 1);
    code.land(large, code.size());
    code.land(small, code.size());
    code.emit(Opcode::LD8, 0).emit(Opcode::RET);
    const VerifiedModule program = code.verified();
    auto function = ir::lift(program);
    BOOST_TEST_REQUIRE(function.has_value());
    ir::optimise_for_native(*function);
    const auto& groups = program.module().counter_groups;
    for (const uint64_t seed : {0, 1, 2, 3}) {
        const auto expected = std::make_shared<Counters>(groups);
        const auto counted = std::make_shared<Counters>(groups);
        const auto reference = instance_of(interpreter_program(program), {.counters = expected});
        const auto compiled = NativeProgram::compile(program, *function,
                                                     {.register_seed = seed, .counts_last = true});
        BOOST_TEST_REQUIRE(compiled.has_value());
        const auto native = (*compiled)->instantiate({.counters = counted});
        BOOST_TEST_REQUIRE(native.has_value());
        std::vector<uint64_t> seen;
        for (unsigned first = 0; first < 256; first += 3)
            for (unsigned second = 0; second < 256; second += 5) {
                const Bytes bytes = {static_cast<uint8_t>(first), static_cast<uint8_t>(second)};
                expected->forget_last();
                counted->forget_last();
                BOOST_REQUIRE(
                    ((*native)->run({.bytes = bytes}) == (*reference)->run({.bytes = bytes})));
                BOOST_REQUIRE(counted->last() == expected->last());
                seen.push_back(counted->last());
            }
        BOOST_TEST((counted->values() == expected->values()));
        BOOST_TEST(std::ranges::count(seen, 0u) > 0);
        BOOST_TEST(std::ranges::count(seen, 1u) > 0);
        BOOST_TEST(std::ranges::count(seen, 40u + 7u + 1u) > 0);
    }
    // Nothing of it is in the code of others.
    const auto plain = NativeProgram::compile(program, *function, {});
    const auto noting = NativeProgram::compile(program, *function, {.counts_last = true});
    BOOST_TEST((*plain)->instruction_bytes() < (*noting)->instruction_bytes());
}

BOOST_AUTO_TEST_SUITE_END()
