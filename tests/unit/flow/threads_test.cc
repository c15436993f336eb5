// Threads of one filter on its tables: counts are exact, whichever thread a packet comes by. Runs
// also under ThreadSanitizer, as tests/unit/capi/threads_test.cc does.
#include <array>
#include <boost/test/unit_test.hpp>
#include <memory>
#include <thread>
#include <vector>

#include "core/lisp/compile.h"
#include "core/verify/verify.h"
#include "tests/unit/flow/placed_memory.h"
#include "userspace/flow/shared_tables.h"
#include "userspace/interp/interpreter.h"
#include "userspace/jit/native_program.h"

namespace vfm {
BOOST_AUTO_TEST_SUITE(threads_test)

namespace {

constexpr unsigned kThreads = 4;
constexpr unsigned kSources = 50;
constexpr unsigned kRounds = 40;  // packets of a source by each thread
constexpr unsigned kBurst = 25;

using Frame = std::array<uint8_t, 64>;

Frame packet_from(unsigned source) {
    Frame frame{};
    frame[12] = 8;
    frame[14] = 0x45;
    frame[23] = 17;
    frame[26] = 10;
    frame[29] = static_cast<uint8_t>(source);
    return frame;
}

VerifiedModule verified(const std::string& text) {
    auto compiled = lisp::compile(std::make_shared<const SourceFile>("filter.vfl", text));
    BOOST_REQUIRE(compiled.has_value());
    auto program = verify(std::move(compiled->module));
    BOOST_REQUIRE(program.has_value());
    return std::move(*program);
}

/// One thread: all sources in turn, burst by burst. Gives the packets that pass, by source.
void serve(Instance& engine, SharedTables& shared, std::array<unsigned, kSources>& passed) {
    std::vector<Frame> frames;
    for (unsigned source = 0; source < kSources; ++source) frames.push_back(packet_from(source));
    std::array<Packet, kBurst> packets;
    std::array<Outcome, kBurst> results;
    for (unsigned i = 0; i < kRounds * kSources; i += kBurst) {
        for (unsigned j = 0; j < kBurst; ++j) packets[j].bytes = frames[(i + j) % kSources];
        {
            const auto changes = shared.changes();
            engine.run_batch(packets, results);
        }
        for (unsigned j = 0; j < kBurst; ++j) passed[(i + j) % kSources] += results[j].value != 0;
    }
}

/// Of 160 packets of a source, by four threads, 99 pass a limit of 100.
void count_exactly(std::span<const std::unique_ptr<Instance>> engines, SharedTables& shared) {
    std::array<std::array<unsigned, kSources>, kThreads> passed{};
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < kThreads; ++i)
        threads.emplace_back([&, i] { serve(*engines[i], shared, passed[i]); });
    for (std::thread& thread : threads) thread.join();
    for (unsigned source = 0; source < kSources; ++source) {
        unsigned sum = 0;
        for (const auto& by_thread : passed) sum += by_thread[source];
        BOOST_TEST(sum == 99u);
    }
}

void count_by(const std::shared_ptr<const jit::NativeProgram>& native,
              const VerifiedModule& program, unsigned interpreters) {
    const PlacedMemory placed(program.tables()[0]);
    const std::array memories = {placed.memory()};
    const auto shared = std::make_shared<SharedTables>(program.tables(), memories);
    const std::shared_ptr<FlowTables> tables(shared, &shared->tables());
    const auto interpreter = interpreter_program(program);
    BOOST_REQUIRE(interpreter.has_value());
    std::vector<std::unique_ptr<Instance>> engines;
    for (unsigned i = 0; i < kThreads; ++i) {
        auto engine = i < interpreters ? (*interpreter)->instantiate_on(tables)
                                       : native->instantiate_on(tables);
        BOOST_REQUIRE(engine.has_value());
        engines.push_back(std::move(*engine));
    }
    count_exactly(engines, *shared);
    const auto entries = read_flow_memory(placed.memory());
    BOOST_REQUIRE(entries.has_value());
    BOOST_REQUIRE(entries->size() == kSources);
    for (const FlowEntry& entry : *entries) BOOST_TEST(entry.value == kThreads * kRounds);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_limit_holds_for_all_threads_together) {
    const VerifiedModule program = verified("(< (count-by src-ip) 100)");
    const auto native = jit::NativeProgram::compile(program, {.bursts = jit::BurstVariant::best});
    BOOST_TEST_REQUIRE((native.has_value() || native.error().status == Status::refused));
    if (native) {
        count_by(*native, program, 0);
        count_by(*native, program, 2);
    }
    count_by({}, program, kThreads);
}

BOOST_AUTO_TEST_CASE(without_tables_nobody_waits) {
    SharedTables shared({}, {});
    const auto first = shared.changes();
    const auto second = shared.changes();  // would never come if there were a lock
    BOOST_TEST(shared.tables().empty());
}

BOOST_AUTO_TEST_CASE(a_burst_is_marked_in_every_table) {
    const std::vector<TableDecl> declarations = {{.name = "a", .capacity = 10},
                                                 {.name = "b", .capacity = 1000}};
    const PlacedMemory a(declarations[0]), b(declarations[1]);
    const std::array memories = {a.memory(), b.memory()};
    SharedTables shared(declarations, memories);
    const auto marks = [&] {
        std::array<uint64_t, 2> found{};
        for (size_t i = 0; i < 2; ++i)
            found[i] = reinterpret_cast<const FlowMemoryHeader*>(memories[i].data())->changes;
        return found;
    };
    BOOST_TEST((marks() == std::array<uint64_t, 2>{0, 0}));
    {
        const auto changes = shared.changes();
        BOOST_TEST((marks() == std::array<uint64_t, 2>{1, 1}));
    }
    BOOST_TEST((marks() == std::array<uint64_t, 2>{2, 2}));
}

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm
