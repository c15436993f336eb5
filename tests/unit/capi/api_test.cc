// Programs and packets through the C API: what each function gives and each way it can fail.
#include <climits>
#include <cstring>

#include "tests/harness/temp_dir.h"
#include "tests/unit/capi/vm.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(api_test)

namespace {

const Bytes kAccept = assembled("RET 1\n");

std::string message(const Vm& vm) { return vfm_error_message(vm.get()); }

BOOST_AUTO_TEST_CASE(errors_have_the_manuals_phrases) {
    const std::pair<int, const char*> phrases[] = {
        {VFM_SUCCESS, "Success"},
        {VFM_ERROR_NO_MEMORY, "Out of memory"},
        {VFM_ERROR_INVALID_PROGRAM, "Invalid program"},
        {VFM_ERROR_INVALID_OPCODE, "Invalid opcode"},
        {VFM_ERROR_STACK_OVERFLOW, "Stack overflow"},
        {VFM_ERROR_STACK_UNDERFLOW, "Stack underflow"},
        {VFM_ERROR_BOUNDS, "Packet bounds exceeded"},
        {VFM_ERROR_DIVISION_BY_ZERO, "Division by zero"},
        {VFM_ERROR_LIMIT, "Instruction limit exceeded"},
        {VFM_ERROR_VERIFICATION_FAILED, "Verification failed"},
        {1, "Unknown error"},
        {-10, "Unknown error"},
        {INT_MIN, "Unknown error"}};
    for (const auto& [code, phrase] : phrases)
        BOOST_TEST(std::string(vfm_error_string(code)) == phrase);
    BOOST_TEST(std::string(vfm_version()) == VFM_VERSION);
}

BOOST_AUTO_TEST_CASE(rejected_programs_give_the_code_of_their_fault) {
    std::string deep;
    for (unsigned i = 0; i < 257; ++i) deep += "PUSH 1\n";
    const std::pair<Bytes, int> cases[] = {
        {{}, VFM_ERROR_INVALID_PROGRAM},
        {Bytes(65537, 6), VFM_ERROR_INVALID_PROGRAM},
        {{4, 1, 2}, VFM_ERROR_INVALID_PROGRAM},                             // PUSH is cut off
        {{0x0A, 0x04, 'V', 'F', 'M', 1, 0xFF}, VFM_ERROR_INVALID_PROGRAM},  // a broken module
        {{24}, VFM_ERROR_INVALID_OPCODE},
        {assembled(deep + "RET\n"), VFM_ERROR_STACK_OVERFLOW},
        {assembled("POP\nRET 1\n"), VFM_ERROR_STACK_UNDERFLOW},
        {assembled("PUSH 1\n"), VFM_ERROR_VERIFICATION_FAILED},
        {assembled("here:\nJMP here\n"), VFM_ERROR_VERIFICATION_FAILED}};
    for (const auto& [program, code] : cases) {
        BOOST_TEST_INFO(hex(ByteView(program).first(std::min<size_t>(program.size(), 8))));
        // An empty vector has no address, an empty program may have one.
        const uint8_t* bytes = program.empty() ? kAccept.data() : program.data();
        const auto size = static_cast<uint32_t>(program.size());
        BOOST_TEST(vfm_verify(bytes, size) == code);
        const Vm vm = new_vm();
        BOOST_TEST(vfm_load_program(vm.get(), bytes, size) == code);
        BOOST_TEST(message(vm) != "");
        BOOST_TEST(run(vm) == VFM_ERROR_INVALID_PROGRAM);
        vfm_program_t* shared = reinterpret_cast<vfm_program_t*>(vm.get());
        BOOST_TEST(vfm_program_create(&shared, bytes, size) == code);
        BOOST_TEST(!shared);
    }
    BOOST_TEST(vfm_verify(kAccept.data(), 2) == VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(vfm_verify(kAccept.data(), static_cast<uint32_t>(kAccept.size())) == VFM_SUCCESS);
}

BOOST_AUTO_TEST_CASE(a_failed_load_says_why_and_leaves_the_program_that_was) {
    const Vm vm = vm_with("RET 7\n");
    BOOST_TEST(load(vm, assembled("PUSH 1\nJEQ 0\nRET 1\n")) == VFM_ERROR_STACK_UNDERFLOW);
    BOOST_TEST(message(vm) == "program:+0x9: error: STACK_UNDERFLOW: JEQ needs 2 values, has 1");
    BOOST_TEST(run(vm) == 7);
    BOOST_TEST(load(vm, kAccept) == VFM_SUCCESS);
    BOOST_TEST(message(vm) == "");
    BOOST_TEST(run(vm) == 1);
}

BOOST_AUTO_TEST_CASE(files_are_loaded_or_refused) {
    const TempDir dir;
    const Vm vm = new_vm();
    const auto from = [&](const std::string& path) {
        return vfm_load_program_file(vm.get(), path.c_str());
    };
    const std::string good =
        dir.write("good.bin", {reinterpret_cast<const char*>(kAccept.data()), kAccept.size()});
    BOOST_TEST(from(dir / "missing.bin") == VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(message(vm).find("No such file") != std::string::npos);
    BOOST_TEST(from(dir / "") == VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(from(dir.write("empty.bin", "")) == VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(from(dir.write("large.bin", std::string(65537, 6))) == VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(from(dir.write("bad.bin", "\x18")) == VFM_ERROR_INVALID_OPCODE);
    BOOST_TEST(run(vm) == VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(from(good) == VFM_SUCCESS);
    BOOST_TEST(run(vm) == 1);
    BOOST_TEST(vfm_load_program_file(vm.get(), nullptr) == VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(vfm_load_program_file(vm.get(), "-") == VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(vfm_load_program_file(nullptr, good.c_str()) == VFM_ERROR_INVALID_PROGRAM);
}

BOOST_AUTO_TEST_CASE(null_is_an_error_and_no_crash) {
    const Vm vm = vm_with(kAccept);
    const vfm_packet_t packet{};
    vfm_outcome_t outcome{};
    uint64_t value = 5;
    const auto function = [](void*, const uint64_t*) { return uint64_t{0}; };
    const auto size = static_cast<uint32_t>(kAccept.size());

    vfm_destroy(nullptr);
    vfm_program_destroy(nullptr);
    vfm_flow_table_clear(nullptr);
    const int codes[] = {vfm_load_program(nullptr, kAccept.data(), size),
                         vfm_load_program(vm.get(), nullptr, size),
                         vfm_load_program(vm.get(), nullptr, 0),
                         vfm_verify(nullptr, size),
                         vfm_enable_jit(nullptr),
                         vfm_execute(nullptr, nullptr, 0),
                         vfm_execute64(nullptr, nullptr, 0, &value),
                         vfm_execute64(vm.get(), nullptr, 0, nullptr),
                         vfm_execute_batch(nullptr, &packet, 1, &outcome),
                         vfm_execute_batch(vm.get(), nullptr, 1, &outcome),
                         vfm_execute_batch(vm.get(), &packet, 1, nullptr),
                         vfm_flow_table_init(nullptr, 1),
                         vfm_register_function(nullptr, "f", 0, function, nullptr),
                         vfm_register_function(vm.get(), nullptr, 0, function, nullptr),
                         vfm_register_function(vm.get(), "", 0, function, nullptr),
                         vfm_register_function(vm.get(), "f", 0, nullptr, nullptr),
                         vfm_register_function(vm.get(), "f", 6, function, nullptr),
                         vfm_program_create(nullptr, kAccept.data(), size),
                         vfm_use_program(vm.get(), nullptr),
                         vfm_set_insn_limit(nullptr, 1),
                         vfm_step_begin(nullptr, nullptr, 0),
                         vfm_step(nullptr, nullptr)};
    for (size_t i = 0; i < std::size(codes); ++i) {
        BOOST_TEST_INFO("call " << i);
        BOOST_TEST(codes[i] == VFM_ERROR_INVALID_PROGRAM);
    }
    BOOST_TEST(value == 0u);
    vfm_program_t* none = nullptr;
    BOOST_TEST(vfm_program_create(&none, nullptr, 1) == VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(std::string(vfm_error_message(nullptr)) == "");
    BOOST_TEST(vfm_jit_active(nullptr) == 0);
    BOOST_TEST(vfm_get_insn_limit(nullptr) == 0u);
    BOOST_TEST(vfm_get_pc(nullptr) + vfm_get_stack_depth(nullptr) == 0u);
    BOOST_TEST(vfm_get_insn_count(nullptr) + vfm_get_stack_value(nullptr, 0) == 0u);
    BOOST_TEST(run(vm) == 1);
}

BOOST_AUTO_TEST_CASE(nothing_runs_before_a_program_is_loaded) {
    const Vm vm = new_vm();
    uint64_t value = 5;
    const vfm_packet_t packet{};
    vfm_outcome_t outcome{};
    BOOST_TEST(run(vm) == VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(vfm_execute64(vm.get(), nullptr, 0, &value) == VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(value == 0u);
    BOOST_TEST(vfm_execute_batch(vm.get(), &packet, 1, &outcome) == VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(vfm_step_begin(vm.get(), nullptr, 0) == VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(vfm_jit_active(vm.get()) == 0);
    vfm_flow_table_clear(vm.get());
}

BOOST_AUTO_TEST_CASE(values_are_whole_or_clamped) {
    const auto both = [](const std::string& number) {
        const Vm vm = vm_with("PUSH " + number + "\nRET\n");
        uint64_t value = 0;
        BOOST_TEST(vfm_execute64(vm.get(), nullptr, 0, &value) == VFM_SUCCESS);
        return std::to_string(run(vm)) + " " + std::to_string(value);
    };
    BOOST_TEST(both("0") == "0 0");
    BOOST_TEST(both("2147483647") == "2147483647 2147483647");
    BOOST_TEST(both("2147483648") == "2147483647 2147483648");
    BOOST_TEST(both("-1") == "2147483647 18446744073709551615");
}

BOOST_AUTO_TEST_CASE(runs_end_with_the_error_of_the_packet) {
    const Vm loads = vm_with("LD16 2\nRET\n");
    BOOST_TEST(run(loads, {0, 0, 1, 2}) == 258);
    BOOST_TEST(run(loads, {0, 0, 1}) == VFM_ERROR_BOUNDS);
    BOOST_TEST(run(loads) == VFM_ERROR_BOUNDS);
    BOOST_TEST(vfm_execute(loads.get(), nullptr, 4) == VFM_ERROR_BOUNDS);
    uint64_t value = 5;
    BOOST_TEST(vfm_execute64(loads.get(), nullptr, 4, &value) == VFM_ERROR_BOUNDS);
    BOOST_TEST(value == 0u);
    BOOST_TEST(run(vm_with("PUSH 1\nPUSH 0\nMOD\nRET\n")) == VFM_ERROR_DIVISION_BY_ZERO);
    BOOST_TEST(run(vm_with("again:\nPUSH 1\nPUSH 1\nJEQ again\nRET 1\n")) == VFM_ERROR_LIMIT);
}

BOOST_AUTO_TEST_CASE(long_packets_are_cut) {
    const std::vector<uint8_t> packet(70000, 9);
    uint64_t value = 0;
    const Vm length = vm_with("LEN\nRET\n");
    BOOST_TEST(vfm_execute64(length.get(), packet.data(), packet.size(), &value) == VFM_SUCCESS);
    BOOST_TEST(value == 65535u);
    const Vm last = vm_with("PUSH 65534\nLDX8 0\nRET\n");
    BOOST_TEST(vfm_execute64(last.get(), packet.data(), packet.size(), &value) == VFM_SUCCESS);
    const Vm beyond = vm_with("PUSH 65535\nLDX8 0\nRET\n");
    BOOST_TEST(vfm_execute64(beyond.get(), packet.data(), packet.size(), &value) ==
               VFM_ERROR_BOUNDS);
    BOOST_TEST(vfm_step_begin(length.get(), packet.data(), packet.size()) == VFM_SUCCESS);
    BOOST_TEST(vfm_step(length.get(), nullptr) == VFM_STEP_MORE);
    BOOST_TEST(vfm_get_stack_value(length.get(), 0) == 65535u);
}

void compare_batches(const std::string& text) {
    const Vm one = vm_with(text), many = vm_with(text);
    for (const size_t count : {0, 1, 63, 64, 200}) {
        std::vector<std::vector<uint8_t>> bytes(count);
        std::vector<vfm_packet_t> packets(count);
        std::vector<vfm_outcome_t> outcomes(count, {77, 77});
        for (size_t i = 0; i < count; ++i) {
            if (i % 5 != 0) bytes[i].assign(60, static_cast<uint8_t>(i % 7));
            if (i % 11 == 0) bytes[i].resize(i % 60);
            packets[i] = {bytes[i].data(), bytes[i].size(), 0};
        }
        BOOST_TEST(vfm_execute_batch(many.get(), packets.data(), count, outcomes.data()) ==
                   VFM_SUCCESS);
        for (size_t i = 0; i < count; ++i) {
            uint64_t value = 0;
            const int code = vfm_execute64(one.get(), packets[i].data, packets[i].len, &value);
            BOOST_TEST(outcomes[i].error == code);
            BOOST_TEST(outcomes[i].value == value);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_batch_gives_what_single_calls_give) {
    // Counts its packets and divides by their first byte: values, both kinds of error, state.
    compare_batches("PUSH 1\nPUSH 1\nFLOW_ADD 0\nPUSH 1000\nMUL\nPUSH 100\nLD8 0\nDIV\nADD\nRET\n");
    // Without state, which engines may run for several packets at once.
    compare_batches("LD16 12\nPUSH 0x0303\nJEQ yes\nLD32 26\nRET\nyes:\nRET 1\n");

    const Vm vm = vm_with("RET 1\n");
    const vfm_packet_t bad[] = {{nullptr, 0, 0}, {nullptr, 1, 0}};
    vfm_outcome_t outcomes[] = {{77, 77}, {77, 77}};
    BOOST_TEST(vfm_execute_batch(vm.get(), bad, 2, outcomes) == VFM_ERROR_BOUNDS);
    BOOST_TEST(outcomes[0].error == 77);
}

BOOST_AUTO_TEST_CASE(the_clock_is_the_packets_or_monotonic) {
    const Vm vm = vm_with("NOW\nRET\n");
    const vfm_packet_t packets[] = {{nullptr, 0, 12345}, {nullptr, 0, 0}};
    vfm_outcome_t outcomes[2];
    BOOST_TEST(vfm_execute_batch(vm.get(), packets, 2, outcomes) == VFM_SUCCESS);
    BOOST_TEST(outcomes[0].value == 12345u);
    uint64_t later = 0;
    BOOST_TEST(vfm_execute64(vm.get(), nullptr, 0, &later) == VFM_SUCCESS);
    BOOST_TEST(outcomes[1].value > 12345u);
    BOOST_TEST(later >= outcomes[1].value);
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
