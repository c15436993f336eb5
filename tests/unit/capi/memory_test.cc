// Memory that is not there: every call is repeated with its first, second, third ... allocation
// failing, until none fails. It gives VFM_ERROR_NO_MEMORY, leaks nothing (the sanitizer build
// looks), and leaves the VM as it was.
//
// malloc() of everything that is linked into this program goes through the function below (the
// linker's --wrap), and operator new goes through malloc().
#include <array>
#include <functional>
#include <new>

#include "tests/harness/temp_dir.h"
#include "tests/unit/capi/vm.h"

namespace {

// Allocations until one fails; negative for never. With `sustained` all behind it fail, too.
thread_local long countdown = -1;
thread_local bool sustained = false;
thread_local unsigned long allocations = 0;

bool fails_now() {
    ++allocations;
    if (sustained && countdown == 0) return true;
    return countdown >= 0 && countdown-- == 0;
}

}  // namespace

extern "C" {
// protobuf loses the message for which it has no place in a list.
const char* __lsan_default_suppressions();
const char* __lsan_default_suppressions() { return "leak:google::protobuf"; }

void* __real_malloc(size_t size);
void* __real_calloc(size_t count, size_t size);
void* __real_realloc(void* old, size_t size);
void* __wrap_malloc(size_t size);
void* __wrap_calloc(size_t count, size_t size);
void* __wrap_realloc(void* old, size_t size);

void* __wrap_malloc(size_t size) { return fails_now() ? nullptr : __real_malloc(size); }
void* __wrap_calloc(size_t count, size_t size) {
    return fails_now() ? nullptr : __real_calloc(count, size);
}
void* __wrap_realloc(void* old, size_t size) {
    return fails_now() ? nullptr : __real_realloc(old, size);
}
}

// Not inlined: g++ would warn of memory from one and to the other.
[[gnu::noinline]] void* operator new(size_t size) {
    if (void* memory = std::malloc(size ? size : 1)) return memory;
    throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(size_t size, const std::nothrow_t& /*tag*/) noexcept {
    return std::malloc(size ? size : 1);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t /*size*/) noexcept {
    std::free(memory);
}

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(memory_test)

namespace {

/// Repeats `call`, which gives an error code, until no allocation of it fails. After each failure
/// `check` sees that nothing changed; a call that succeeds although an allocation failed (there are
/// algorithms that can do with less memory) is undone by `undo`. Gives the number of calls before.
unsigned exhaust(
    const std::function<int()>& call, const std::function<void()>& check = [] {},
    const std::function<void()>& undo = [] {}) {
    for (long n = 0;; ++n) {
        countdown = n;
        const int code = call();
        const bool failed = countdown < 0;
        countdown = -1;
        BOOST_TEST_INFO("allocation " << n);
        if (code == VFM_SUCCESS) {
            if (!failed) return static_cast<unsigned>(n);
            undo();
        } else {
            BOOST_REQUIRE(failed);
            BOOST_REQUIRE(code == VFM_ERROR_NO_MEMORY);
            check();
        }
    }
}

const std::string kModule =
    ".table t\n.import f args=1\nLD8 0\nPUSH 1\nFLOW_ADD 0\nCALL 0\nNOW\nPUSH 0\nAND\nADD\nRET\n";

uint64_t twice(void* /*user*/, const uint64_t* arguments) { return arguments[0] * 2; }

Vm prepared(const char* program) {
    Vm vm = vm_with(program);
    BOOST_REQUIRE(vfm_register_function(vm.get(), "f", 1, twice, nullptr) == VFM_SUCCESS);
    return vm;
}

BOOST_AUTO_TEST_CASE(a_vm_that_cannot_be_made_is_null) {
    unsigned failures = 0;
    for (bool made = false; !made; failures += !made) {
        countdown = failures;
        const Vm vm(vfm_create());
        countdown = -1;
        made = vm != nullptr;
    }
    BOOST_TEST(failures > 0u);
}

BOOST_AUTO_TEST_CASE(programs_that_do_not_fit_are_not_loaded) {
    const Bytes module = assembled(kModule), plain = assembled("RET 7\n");
    const auto size = static_cast<uint32_t>(module.size());
    const TempDir dir;
    const std::string path =
        dir.write("m.bin", {reinterpret_cast<const char*>(module.data()), module.size()});
    vfm_program_t* program = nullptr;
    BOOST_TEST(exhaust([&] { return vfm_program_create(&program, module.data(), size); },
                       [&] { BOOST_TEST(!program); }, [&] { vfm_program_destroy(program); }) > 10u);
    const Program owner(program);
    BOOST_TEST(exhaust([&] { return vfm_verify(module.data(), size); }) > 10u);

    for (const bool jit : {false, true}) {
        const Vm vm = prepared("RET 7\n");
        if (jit && vfm_enable_jit(vm.get()) != VFM_SUCCESS) continue;
        const std::function<int()> ways[] = {
            [&] { return vfm_load_program(vm.get(), module.data(), size); },
            [&] { return vfm_load_program_file(vm.get(), path.c_str()); },
            [&] { return vfm_use_program(vm.get(), program); }};
        for (const auto& way : ways) {
            BOOST_REQUIRE(load(vm, plain) == VFM_SUCCESS);
            BOOST_TEST(exhaust(
                           way, [&] { BOOST_TEST(run(vm, {1}) == 7); },
                           [&] { BOOST_REQUIRE(load(vm, plain) == VFM_SUCCESS); }) > 0u);
            BOOST_TEST(run(vm, {1}) == 2);
        }
    }
}

BOOST_AUTO_TEST_CASE(settings_that_do_not_fit_are_not_made) {
    const Bytes module = assembled(kModule);
    for (const bool jit : {false, true}) {
        Vm vm;
        int runs = 0;
        const auto goes_on = [&] {
            BOOST_TEST(run(vm, {1}) == 2 * ++runs);
            BOOST_TEST(vfm_get_insn_limit(vm.get()) == 10000u);
        };
        const auto anew = [&] {
            vm = prepared("RET 7\n");
            if (jit) (void)vfm_enable_jit(vm.get());  // where there is none: the interpreter twice
            BOOST_REQUIRE(load(vm, module) == VFM_SUCCESS);
            runs = 0;
            goes_on();
        };
        const std::function<int()> changes[] = {
            [&] { return vfm_set_insn_limit(vm.get(), 9); },
            [&] { return vfm_register_function(vm.get(), "g", 0, twice, nullptr); },
            [&] { return vfm_step_begin(vm.get(), nullptr, 0); },
            [&] { return vfm_flow_table_init(vm.get(), 10); }};
        for (const auto& change : changes) {
            anew();
            BOOST_TEST(exhaust(change, goes_on, anew) > 0u);
        }
    }
    const auto interpreted = [] { return prepared("LD8 0\nRET\n"); };
    Vm vm = interpreted();
    if (vfm_enable_jit(vm.get()) != VFM_SUCCESS) return;
    vm = interpreted();
    BOOST_TEST(exhaust([&] { return vfm_enable_jit(vm.get()); },
                       [&] {
                           BOOST_TEST(run(vm, {6}) == 6);
                           BOOST_TEST(vfm_jit_active(vm.get()) == 0);
                       },
                       [&] {
                           BOOST_TEST(run(vm, {6}) == 6);
                           vm = interpreted();
                       }) > 0u);
    BOOST_TEST(vfm_jit_active(vm.get()) == 1);
    BOOST_TEST(run(vm, {6}) == 6);
}

void count_step(void* user, const vfm_trace_step_t* /*step*/) { ++*static_cast<unsigned*>(user); }

/// With rules enough for a table, whose tests the trace runs by themselves: port 5 is refused.
Vm with_rules() {
    std::string source = "(rules";
    for (int i = 0; i < 40; ++i) source += " (when (= tcp.dport " + std::to_string(i) + ") 0)";
    source += " (default (count-by 1)))";
    uint8_t* bytecode = nullptr;
    uint32_t size = 0;
    BOOST_REQUIRE(vfl_compile_string(source.c_str(), &bytecode, &size, nullptr, 0) == VFM_SUCCESS);
    const std::unique_ptr<uint8_t, Free> owner(bytecode);
    Vm vm = new_vm();
    BOOST_REQUIRE(vfm_load_program(vm.get(), bytecode, size) == VFM_SUCCESS);
    return vm;
}

std::array<uint8_t, 60> tcp_to(uint8_t port) {
    std::array<uint8_t, 60> packet{};
    packet[12] = 8;
    packet[14] = 0x45;
    packet[23] = 6;
    packet[37] = port;
    return packet;
}

BOOST_AUTO_TEST_CASE(a_run_in_steps_that_cannot_be_told_leaves_the_one_before) {
    const Vm vm = with_rules();
    const auto packet = tcp_to(80), other = tcp_to(5);
    const auto begin = [&](const auto& bytes) {
        return vfm_step_begin(vm.get(), bytes.data(), bytes.size());
    };
    unsigned told = 0;
    const auto anew = [&] { BOOST_REQUIRE(vfm_set_insn_limit(vm.get(), 0) == VFM_SUCCESS); };
    BOOST_TEST(exhaust([&] { return vfm_set_step_trace(vm.get(), count_step, &told); }) == 0u);
    BOOST_TEST(exhaust([&] { return begin(packet); },
                       [&] {
                           BOOST_REQUIRE(vfm_step(vm.get(), nullptr) == VFM_ERROR_INVALID_PROGRAM);
                           anew();
                       },
                       anew) > 10u);

    BOOST_REQUIRE(vfm_step(vm.get(), nullptr) == VFM_STEP_MORE);
    const uint32_t pc = vfm_get_pc(vm.get());
    BOOST_TEST(exhaust([&] { return begin(other); },
                       [&] {
                           BOOST_REQUIRE(vfm_get_insn_count(vm.get()) == 1u);
                           BOOST_REQUIRE(vfm_get_pc(vm.get()) == pc);
                       }) > 0u);
    uint64_t value = 9;
    while (vfm_step(vm.get(), &value) == VFM_STEP_MORE) continue;
    BOOST_TEST(value == 0u);
    BOOST_TEST(told > 10u);
}

BOOST_AUTO_TEST_CASE(a_run_in_steps_ends_where_there_is_no_memory_to_tell_it) {
    const Vm vm = with_rules();
    const auto packet = tcp_to(80);
    unsigned told = 0;
    BOOST_REQUIRE(vfm_set_step_trace(vm.get(), count_step, &told) == VFM_SUCCESS);
    unsigned ended = 0, all = 0;
    for (long n = 0; all == 0; ++n) {
        BOOST_REQUIRE(vfm_step_begin(vm.get(), packet.data(), packet.size()) == VFM_SUCCESS);
        told = 0;
        countdown = n;
        int code = VFM_STEP_MORE;
        while (code == VFM_STEP_MORE) code = vfm_step(vm.get(), nullptr);
        const bool failed = countdown < 0;
        countdown = -1;
        BOOST_TEST_INFO("allocation " << n);
        if (code == VFM_SUCCESS) {
            if (!failed) all = told;
            continue;
        }
        BOOST_REQUIRE((failed && code == VFM_ERROR_NO_MEMORY));
        const unsigned told_then = told;
        BOOST_REQUIRE(vfm_step(vm.get(), nullptr) == VFM_ERROR_NO_MEMORY);
        BOOST_REQUIRE(told == told_then);
        ++ended;
    }
    BOOST_TEST(ended > 40u);
    BOOST_TEST(all > 80u);
}

BOOST_AUTO_TEST_CASE(texts_that_do_not_fit_are_not_compiled) {
    char message[100];
    uint8_t* bytecode = nullptr;
    uint32_t size = 0;
    const auto compile = [&] {
        return vfl_compile_string("(< (count-by src-ip) 3)", &bytecode, &size, message,
                                  sizeof message);
    };
    BOOST_TEST(exhaust(
                   compile,
                   [&] {
                       BOOST_TEST(!bytecode);
                       BOOST_TEST(size == 0u);
                       BOOST_TEST(std::string(message) == "Out of memory");
                   },
                   [&] { std::free(bytecode); }) > 10u);
    std::free(bytecode);
}

BOOST_AUTO_TEST_CASE(files_that_do_not_fit_are_not_compiled) {
    const TempDir dir;
    dir.write("s.txt", "6\n17\n");
    const std::string path = dir.write("f.vfl", "(defset s :file \"s.txt\")\n(in proto @s)\n");
    char message[100];
    uint8_t* bytecode = nullptr;
    uint32_t size = 0;
    const std::string base = dir / "";
    BOOST_TEST(exhaust(
                   [&] {
                       return vfl_compile_file(path.c_str(), base.c_str(), &bytecode, &size,
                                               message, sizeof message);
                   },
                   [&] { BOOST_TEST(!bytecode); }, [&] { std::free(bytecode); }) > 10u);
    std::free(bytecode);
}

const char* const kLive = ".set s width=32 live\n.member 5\nLD32 0\nIN 0\nRET\n";

BOOST_AUTO_TEST_CASE(live_sets_that_do_not_fit_stay_as_they_were) {
    for (const bool jit : {false, true}) {
        const Vm vm = vm_with(kLive), other = vm_with(kLive);
        if (jit) (void)vfm_enable_jit(vm.get());  // where there is none: the interpreter twice
        vfm_set_t* set = nullptr;
        BOOST_TEST(exhaust([&] { return vfm_set_open(vm.get(), "s", &set); },
                           [&] { BOOST_TEST(!set); }) > 0u);
        const vfm_member_t six = {0, 6, 32}, five = {0, 5, 32};
        const auto has = [&](const Vm& in, uint8_t key) { return run(in, {0, 0, 0, key}); };
        BOOST_TEST(exhaust([&] { return vfm_set_add(set, &six, 1, nullptr); },
                           [&] { BOOST_TEST(has(vm, 6) == 0); }) > 0u);
        BOOST_TEST(has(vm, 6) == 1);
        BOOST_TEST(exhaust([&] { return vfm_set_remove(set, &five, 1, nullptr); },
                           [&] { BOOST_TEST(has(vm, 5) == 1); }) > 0u);
        BOOST_TEST(has(vm, 5) == 0);
        BOOST_TEST(exhaust([&] { return vfm_set_replace(set, &five, 1); },
                           [&] { BOOST_TEST(has(vm, 6) == 1); }) > 0u);
        BOOST_TEST(has(vm, 6) == 0);
        BOOST_TEST(exhaust([&] { return vfm_use_set(other.get(), "s", set); }) > 0u);
        vfm_set_close(set);
    }
}

BOOST_AUTO_TEST_CASE(runs_behind_a_change_and_frames_take_no_memory) {
    for (const bool jit : {false, true}) {
        const Vm vm = vm_with(kLive);
        if (jit) (void)vfm_enable_jit(vm.get());
        vfm_set_t* set = nullptr;
        BOOST_REQUIRE(vfm_set_open(vm.get(), "s", &set) == VFM_SUCCESS);
        const uint8_t packet[20] = {0, 0, 0, 6};
        vfm_frame_t frame = {};
        frame.data = packet, frame.len = sizeof packet, frame.vlan_protocol = 0x8100;
        for (unsigned i = 0; i < 10; ++i) {
            const vfm_member_t six = {0, 6, 32};
            const int code = i % 2 == 0 ? vfm_set_add(set, &six, 1, nullptr)
                                        : vfm_set_remove(set, &six, 1, nullptr);
            BOOST_REQUIRE(code == VFM_SUCCESS);
            uint64_t value = 7, in_frame = 7;
            countdown = 0;
            sustained = true;
            const int ran = vfm_execute64(vm.get(), packet, sizeof packet, &value);
            const int framed = vfm_execute_frame(vm.get(), &frame, &in_frame);
            const bool failed = countdown < 0;
            countdown = -1;
            sustained = false;
            BOOST_TEST(!failed);
            BOOST_TEST(ran == VFM_SUCCESS);
            BOOST_TEST(framed == VFM_SUCCESS);
            BOOST_TEST(value == (i % 2 == 0 ? 1u : 0u));
            BOOST_TEST(in_frame == value);
        }
        vfm_set_close(set);
    }
}

/// What a batch of packets gives: 80 of 60 bytes, the first with a 6 at byte 23.
struct Batch {
    int code;
    unsigned long allocations;
    std::array<vfm_outcome_t, 80> outcomes;
};

// Asserts nothing: that would allocate.
Batch batch(const Vm& vm) {
    static uint8_t bytes[80][60];
    bytes[0][23] = 6;
    std::array<vfm_packet_t, 80> packets;
    for (size_t i = 0; i < packets.size(); ++i) packets[i] = {bytes[i], sizeof bytes[i], 0};
    Batch result{};
    const unsigned long before = allocations;
    result.code =
        vfm_execute_batch(vm.get(), packets.data(), packets.size(), result.outcomes.data());
    result.allocations = allocations - before;
    return result;
}

// Programs of which bursts are vector code, scalar code, and scalar code with keys foreseen.
const char* const kBursts[] = {"LD8 23\nPUSH 6\nEQ\nRET\n", "LD8 23\nLDX8 0\nRET\n",
                               "LD8 23\nPUSH 1\nFLOW_ADD 0\nLD8 24\nFLOW_LOAD\nADD\nRET\n"};

BOOST_AUTO_TEST_CASE(bursts_are_made_when_a_program_is_loaded) {
    for (const char* program : kBursts) {
        const Vm vm = prepared("RET 7\n");
        if (vfm_enable_jit(vm.get()) != VFM_SUCCESS) return;
        BOOST_REQUIRE(load(vm, assembled(program)) == VFM_SUCCESS);
        BOOST_TEST(vfm_jit_active(vm.get()) == 1);
        countdown = 0;
        sustained = true;
        const Batch first = batch(vm);
        countdown = -1;
        sustained = false;
        BOOST_TEST(first.code == VFM_SUCCESS);
        BOOST_TEST(first.allocations == 0u);
        BOOST_TEST(first.outcomes[0].error == VFM_SUCCESS);
    }
}

BOOST_AUTO_TEST_CASE(sustained_want_of_memory_ends_nothing) {
    for (const char* program : kBursts) {
        const Bytes bytes = assembled(program);
        unsigned refused = 0;
        for (long n = 0, made = 0; made < 3; ++n) {
            const Vm vm = prepared("RET 7\n");
            if (vfm_enable_jit(vm.get()) != VFM_SUCCESS) return;
            countdown = n;
            sustained = true;
            const int code = load(vm, bytes);
            const bool failed = countdown == 0;
            const Batch burst = batch(vm);
            countdown = -1;
            sustained = false;
            BOOST_TEST_INFO("allocation " << n);
            BOOST_REQUIRE((code == VFM_SUCCESS || code == VFM_ERROR_NO_MEMORY));
            BOOST_REQUIRE(burst.code == VFM_SUCCESS);
            refused += code == VFM_ERROR_NO_MEMORY;
            made += code == VFM_SUCCESS && !failed;
            if (code != VFM_SUCCESS) BOOST_REQUIRE(burst.outcomes[0].value == 7u);
        }
        BOOST_TEST(refused > 10u);
    }
}

BOOST_AUTO_TEST_CASE(a_flow_table_without_memory_is_full_and_no_error) {
    for (const bool jit : {false, true}) {
        const Vm vm = vm_with("LD32 0\nPUSH 1\nFLOW_ADD 0\nRET\n");
        if (jit) (void)vfm_enable_jit(vm.get());  // where there is none: the interpreter twice
        for (unsigned i = 0; i < 3000; ++i) {
            const std::vector<uint8_t> packet = {0, 0, static_cast<uint8_t>(i >> 8),
                                                 static_cast<uint8_t>(i)};
            countdown = 0;
            const int code = run(vm, packet);
            countdown = -1;
            BOOST_TEST(code == 1);
        }
    }
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
