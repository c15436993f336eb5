// "One VM per thread, programs shared", as vfm.h says it. Runs in the release build like any test,
// and in a build of its own under ThreadSanitizer (cmake -DVFM_TSAN=ON), which is what it is for.
#include <atomic>
#include <thread>

#include "tests/unit/capi/vm.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(threads_test)

namespace {

constexpr unsigned kThreads = 4;
constexpr unsigned kPackets = 10000;

uint64_t add(void* user, const uint64_t* arguments) {
    return *static_cast<const uint64_t*>(user) + arguments[0];
}

/// Uses a program in all ways that a VM has; gives the sum of the values of its packets.
uint64_t use(vfm_program_t* program, bool jit, std::atomic<unsigned>& failures) {
    const uint64_t base = 5;
    const Vm vm(vfm_create());  // Boost.Test is for one thread
    const auto need = [&](int code) { failures += code != VFM_SUCCESS; };
    need(vfm_register_function(vm.get(), "add", 1, add, const_cast<uint64_t*>(&base)));
    if (jit) (void)vfm_enable_jit(vm.get());  // where there is none the interpreter goes on
    need(vfm_use_program(vm.get(), program));
    uint64_t sum = 0;
    for (unsigned i = 0; i < kPackets; ++i) {
        const uint8_t packet[] = {static_cast<uint8_t>(i % 100), 1};
        uint64_t value = 0;
        need(vfm_execute64(vm.get(), packet, sizeof packet, &value));
        sum += value;
        if (i % 500 != 0) continue;
        need(vfm_step_begin(vm.get(), packet, sizeof packet));
        while (vfm_step(vm.get(), &value) == VFM_STEP_MORE) continue;
        const vfm_packet_t packets[] = {{packet, 2, 0}, {packet, 1, 0}};
        vfm_outcome_t outcomes[2];
        need(vfm_execute_batch(vm.get(), packets, 2, outcomes));
    }
    return sum;
}

BOOST_AUTO_TEST_CASE(threads_share_a_program) {
    const Bytes bytes = assembled(
        ".import add args=1\nLD8 0\nCALL 0\nLD8 0\nPUSH 1\nFLOW_ADD 0\nPUSH 1000\nMUL\nADD\n"
        "HASH5\nPUSH 0\nAND\nADD\nNOW\nPUSH 0\nAND\nADD\nRET\n");
    vfm_program_t* handle = nullptr;
    BOOST_REQUIRE(vfm_program_create(&handle, bytes.data(), static_cast<uint32_t>(bytes.size())) ==
                  VFM_SUCCESS);
    std::atomic<unsigned> failures = 0;
    std::vector<uint64_t> sums(kThreads);
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < kThreads; ++i)
        threads.emplace_back([&, i] { sums[i] = use(handle, i % 2 == 0 || i == 1, failures); });
    for (std::thread& thread : threads) thread.join();
    vfm_program_destroy(handle);
    BOOST_TEST(failures == 0u);
    for (const uint64_t sum : sums) BOOST_TEST(sum == sums[0]);
    BOOST_TEST(sums[0] > 0u);
}

BOOST_AUTO_TEST_CASE(the_handle_may_go_while_others_run) {
    const Bytes bytes = assembled("LD8 0\nRET\n");
    std::atomic<unsigned> failures = 0;
    for (unsigned round = 0; round < 20; ++round) {
        vfm_program_t* handle = nullptr;
        BOOST_REQUIRE(vfm_program_create(&handle, bytes.data(),
                                         static_cast<uint32_t>(bytes.size())) == VFM_SUCCESS);
        std::atomic<unsigned> loaded = 0;
        std::vector<std::thread> threads;
        for (unsigned i = 0; i < kThreads; ++i)
            threads.emplace_back([&, i] {
                const Vm vm(vfm_create());  // Boost.Test is for one thread
                if (i != 0) (void)vfm_enable_jit(vm.get());
                failures += vfm_use_program(vm.get(), handle) != VFM_SUCCESS;
                ++loaded;
                for (unsigned p = 0; p < 200; ++p) failures += run(vm, {7}) != 7;
            });
        while (loaded != kThreads) std::this_thread::yield();
        vfm_program_destroy(handle);
        for (std::thread& thread : threads) thread.join();
    }
    BOOST_TEST(failures == 0u);
}

/// Looks keys up, one packet and one batch at a time, until `stop`: each run asks for 1 and 2, one
/// of which is in the set at any time.
void look(vfm_program_t* program, const vfm_set_t* set, bool jit, const std::atomic<bool>& stop,
          std::atomic<unsigned>& runs, std::atomic<unsigned>& failures) {
    const Vm vm(vfm_create());
    const auto need = [&](bool good) { failures += !good; };
    if (jit) (void)vfm_enable_jit(vm.get());
    need(vfm_use_program(vm.get(), program) == VFM_SUCCESS);
    need(vfm_use_set(vm.get(), "s", set) == VFM_SUCCESS);
    const uint8_t packet[] = {0, 0, 0, 1, 0, 0, 0, 2};
    const vfm_packet_t packets[] = {{packet, 8, 0}, {packet, 8, 0}, {packet, 8, 0}};
    vfm_outcome_t outcomes[3];
    while (!stop) {
        need(vfm_execute(vm.get(), packet, sizeof packet) == 1);
        need(vfm_execute_batch(vm.get(), packets, 3, outcomes) == VFM_SUCCESS);
        for (const vfm_outcome_t& outcome : outcomes) need(outcome.value == 1);
        need(vfm_set_contains(set, 0, 3) == 1);
        ++runs;
    }
}

BOOST_AUTO_TEST_CASE(a_live_set_changes_under_those_who_ask_it) {
    const Bytes bytes = assembled(
        ".set s width=32 live\n.member 1\n.member 3\n"
        "LD32 0\nIN 0\nLD32 4\nIN 0\nADD\nRET\n");
    vfm_program_t* program = nullptr;
    BOOST_REQUIRE(vfm_program_create(&program, bytes.data(), static_cast<uint32_t>(bytes.size())) ==
                  VFM_SUCCESS);
    const Vm owner(vfm_create());
    BOOST_REQUIRE(vfm_use_program(owner.get(), program) == VFM_SUCCESS);
    vfm_set_t* set = nullptr;
    BOOST_REQUIRE(vfm_set_open(owner.get(), "s", &set) == VFM_SUCCESS);
    std::atomic<bool> stop = false;
    std::atomic<unsigned> runs = 0, failures = 0;
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < kThreads; ++i)
        threads.emplace_back([&, i] { look(program, set, i % 2 == 0, stop, runs, failures); });
    threads.emplace_back([&] {  // a second thread that changes it
        const vfm_member_t other = {0, 100, 32};
        while (!stop) {
            failures += vfm_set_add(set, &other, 1, nullptr) != VFM_SUCCESS;
            failures += vfm_set_remove(set, &other, 1, nullptr) != VFM_SUCCESS;
        }
    });
    const vfm_member_t odd[] = {{0, 1, 32}, {0, 3, 32}}, even[] = {{0, 2, 32}, {0, 3, 32}};
    for (unsigned i = 0; i < 300 || runs < 300; ++i)
        failures += vfm_set_replace(set, i % 2 == 0 ? even : odd, 2) != VFM_SUCCESS;
    stop = true;
    for (std::thread& thread : threads) thread.join();
    vfm_set_close(set);
    vfm_program_destroy(program);
    BOOST_TEST(failures == 0u);
}

BOOST_AUTO_TEST_CASE(functions_without_a_vm_run_anywhere) {
    std::atomic<unsigned> failures = 0;
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < kThreads; ++i)
        threads.emplace_back([&] {
            for (unsigned round = 0; round < 20; ++round) {
                uint8_t* bytecode = nullptr;
                uint32_t size = 0;
                char message[80];
                failures += vfl_compile_string("(< (count-by src-ip) 3)", &bytecode, &size, message,
                                               sizeof message) != VFM_SUCCESS;
                failures += vfm_verify(bytecode, size) != VFM_SUCCESS;
                std::free(bytecode);
                failures += vfl_compile_string("(", &bytecode, &size, message, sizeof message) !=
                            VFM_ERROR_INVALID_PROGRAM;
                failures += *vfm_error_string(-3) != 'I';
            }
        });
    for (std::thread& thread : threads) thread.join();
    BOOST_TEST(failures == 0u);
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
