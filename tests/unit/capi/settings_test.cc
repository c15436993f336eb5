// What a VM keeps: flow tables, host functions, limits, shared programs, native code; and VFLisp
// from a string.
#include <cstring>

#include "tests/unit/capi/vm.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(settings_test)

namespace {

/// Counts runs in the flow table under the packet's first byte.
const std::string kCount =
    "LD8 0\nDUP\nFLOW_LOAD\nPUSH 1\nADD\nFLOW_STORE\nLD8 0\nFLOW_LOAD\nRET\n";

BOOST_AUTO_TEST_CASE(flow_tables_keep_count_until_they_are_cleared) {
    const Vm vm = vm_with(kCount);
    BOOST_TEST(run(vm, {1}) == 1);
    BOOST_TEST(run(vm, {1}) == 2);
    BOOST_TEST(run(vm, {2}) == 1);
    vfm_flow_table_clear(vm.get());
    BOOST_TEST(run(vm, {1}) == 1);
    BOOST_TEST(load(vm, assembled(kCount)) == VFM_SUCCESS);
    BOOST_TEST(run(vm, {1}) == 1);
    // Every table of a module, not the first only.
    const Vm two = vm_with(".table a\n.table b\nPUSH 1\nPUSH 1\nFLOW_ADD 1\nRET\n");
    BOOST_TEST(run(two) == 1);
    BOOST_TEST(run(two) == 2);
    vfm_flow_table_clear(two.get());
    BOOST_TEST(run(two) == 1);
}

BOOST_AUTO_TEST_CASE(flow_tables_have_the_size_that_was_asked_for) {
    const Vm vm = new_vm();
    BOOST_TEST(vfm_flow_table_init(vm.get(), 2) == VFM_SUCCESS);
    BOOST_TEST(load(vm, assembled(kCount)) == VFM_SUCCESS);
    BOOST_TEST(run(vm, {1}) == 1);
    BOOST_TEST(run(vm, {2}) == 1);
    BOOST_TEST(run(vm, {3}) == 1);
    BOOST_TEST(run(vm, {4}) == 1);
    BOOST_TEST(run(vm, {1}) == 1);  // was evicted

    BOOST_TEST(vfm_flow_table_init(vm.get(), 100) == VFM_SUCCESS);
    BOOST_TEST(run(vm, {1}) == 1);  // init forgets
    BOOST_TEST(run(vm, {2}) == 1);
    BOOST_TEST(run(vm, {3}) == 1);
    BOOST_TEST(run(vm, {1}) == 2);

    BOOST_TEST(vfm_flow_table_init(vm.get(), 0) == VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(vfm_flow_table_init(vm.get(), (1u << 26) + 1) == VFM_ERROR_NO_MEMORY);
    BOOST_TEST(vfm_flow_table_init(vm.get(), UINT32_MAX) == VFM_ERROR_NO_MEMORY);
    BOOST_TEST(std::strlen(vfm_error_message(vm.get())) > 0u);
    BOOST_TEST(run(vm, {1}) == 3);
}

uint64_t weigh(void* user, const uint64_t* arguments) {
    return *static_cast<uint64_t*>(user) + arguments[0] * 10 + arguments[1];
}
uint64_t five(void* /*user*/, const uint64_t* a) {
    return a[0] * 10000 + a[1] * 1000 + a[2] * 100 + a[3] * 10 + a[4];
}
uint64_t nothing(void* user, const uint64_t* /*arguments*/) { return user == nullptr; }

BOOST_AUTO_TEST_CASE(programs_call_registered_functions) {
    const Bytes program = assembled(
        ".import weigh args=2\n.import five args=5\n.import nothing args=0\n"
        "PUSH 7\nPUSH 4\nPUSH 2\nCALL 0\n"
        "PUSH 1\nPUSH 2\nPUSH 3\nPUSH 4\nPUSH 5\nCALL 1\nADD\nCALL 2\nADD\nADD\nRET\n");
    const Vm vm = new_vm();
    BOOST_TEST(load(vm, program) == VFM_ERROR_VERIFICATION_FAILED);
    BOOST_TEST(std::string(vfm_error_message(vm.get())).find("'weigh'") != std::string::npos);

    uint64_t base = 100;
    std::string name = "weigh";
    BOOST_TEST(vfm_register_function(vm.get(), name.c_str(), 2, weigh, &base) == VFM_SUCCESS);
    name = "other";
    BOOST_TEST(vfm_register_function(vm.get(), "five", 4, five, nullptr) == VFM_SUCCESS);
    BOOST_TEST(vfm_register_function(vm.get(), "nothing", 0, nothing, nullptr) == VFM_SUCCESS);
    BOOST_TEST(load(vm, program) == VFM_ERROR_VERIFICATION_FAILED);  // `five` takes five
    BOOST_TEST(vfm_register_function(vm.get(), "five", 5, five, nullptr) == VFM_SUCCESS);
    BOOST_TEST(load(vm, program) == VFM_SUCCESS);
    BOOST_TEST(run(vm) == 7 + 142 + 12345 + 1);
    base = 200;
    BOOST_TEST(run(vm) == 7 + 242 + 12345 + 1);

    // Another function of that name at once, another number of arguments not at all.
    BOOST_TEST(vfm_register_function(vm.get(), "weigh", 1, nothing, nullptr) ==
               VFM_ERROR_VERIFICATION_FAILED);
    BOOST_TEST(run(vm) == 7 + 242 + 12345 + 1);
    BOOST_TEST(vfm_register_function(vm.get(), "weigh", 2, nothing, nullptr) == VFM_SUCCESS);
    BOOST_TEST(run(vm) == 7 + 1 + 12345 + 1);
    BOOST_TEST(vfm_register_function(vm.get(), "weigh", 2, weigh, &base) == VFM_SUCCESS);

    BOOST_TEST(vfm_step_begin(vm.get(), nullptr, 0) == VFM_SUCCESS);
    uint64_t value = 0;
    while (vfm_step(vm.get(), &value) == VFM_STEP_MORE) continue;
    BOOST_TEST(value == 7u + 242 + 12345 + 1);
}

BOOST_AUTO_TEST_CASE(a_limit_is_the_vms_until_it_is_taken_back) {
    const Vm vm = new_vm();
    BOOST_TEST(vfm_get_insn_limit(vm.get()) == 0u);
    BOOST_TEST(load(vm, assembled("PUSH 1\nPUSH 2\nADD\nRET\n")) == VFM_SUCCESS);
    BOOST_TEST(vfm_get_insn_limit(vm.get()) == 10000u);
    BOOST_TEST(vfm_set_insn_limit(vm.get(), 3) == VFM_SUCCESS);
    BOOST_TEST(vfm_get_insn_limit(vm.get()) == 3u);
    BOOST_TEST(run(vm) == VFM_ERROR_LIMIT);
    BOOST_TEST(vfm_set_insn_limit(vm.get(), 4) == VFM_SUCCESS);
    BOOST_TEST(run(vm) == 3);
    BOOST_TEST(load(vm, assembled(".fuel 77\nPUSH 1\nPUSH 2\nPUSH 3\nADD\nADD\nRET\n")) ==
               VFM_SUCCESS);
    BOOST_TEST(run(vm) == VFM_ERROR_LIMIT);
    BOOST_TEST(vfm_set_insn_limit(vm.get(), 0) == VFM_SUCCESS);
    BOOST_TEST(vfm_get_insn_limit(vm.get()) == 77u);
    BOOST_TEST(run(vm) == 6);
}

BOOST_AUTO_TEST_CASE(settings_leave_flow_tables_alone) {
    const Vm vm = vm_with(kCount);
    BOOST_TEST(run(vm, {1}) == 1);
    BOOST_TEST(vfm_set_insn_limit(vm.get(), 500) == VFM_SUCCESS);
    BOOST_TEST(run(vm, {1}) == 2);
    (void)vfm_enable_jit(vm.get());  // machines without it go on interpreting
    BOOST_TEST(run(vm, {1}) == 3);
    BOOST_TEST(vfm_enable_jit(vm.get()) ==
               (vfm_jit_active(vm.get()) ? VFM_SUCCESS : VFM_ERROR_NO_MEMORY));
    BOOST_TEST(vfm_register_function(vm.get(), "f", 0, nothing, nullptr) == VFM_SUCCESS);
    BOOST_TEST(run(vm, {1}) == 4);
}

BOOST_AUTO_TEST_CASE(native_code_runs_once_it_is_asked_for) {
    const Vm before(vfm_create()), after(vfm_create());
    BOOST_TEST(vfm_jit_active(before.get()) == 0);
    if (vfm_enable_jit(before.get()) != VFM_SUCCESS) {
        BOOST_TEST_MESSAGE("skipped: " << vfm_error_message(before.get()));
        return;
    }
    BOOST_TEST(vfm_jit_active(before.get()) == 0);  // nothing is loaded
    BOOST_TEST(load(before, assembled(kCount)) == VFM_SUCCESS);
    BOOST_TEST(vfm_jit_active(before.get()) == 1);
    BOOST_TEST(load(after, assembled(kCount)) == VFM_SUCCESS);
    BOOST_TEST(vfm_jit_active(after.get()) == 0);
    BOOST_TEST(run(after, {1}) == 1);
    BOOST_TEST(vfm_enable_jit(after.get()) == VFM_SUCCESS);
    BOOST_TEST(vfm_jit_active(after.get()) == 1);
    BOOST_TEST(run(after, {1}) == 2);
    BOOST_TEST(run(before, {1}) == 1);
    // A limit has to be counted where the program is known to end, too.
    BOOST_TEST(vfm_set_insn_limit(after.get(), 3) == VFM_SUCCESS);
    BOOST_TEST(vfm_jit_active(after.get()) == 1);
    BOOST_TEST(run(after, {1}) == VFM_ERROR_LIMIT);
    BOOST_TEST(std::string(vfm_error_message(after.get())) == "");
}

BOOST_AUTO_TEST_CASE(programs_are_shared_and_outlive_their_handle) {
    const Bytes bytes = assembled(kCount);
    vfm_program_t* handle = nullptr;
    BOOST_REQUIRE(vfm_program_create(&handle, bytes.data(), static_cast<uint32_t>(bytes.size())) ==
                  VFM_SUCCESS);
    Program program(handle);
    const Vm a = new_vm(), b = new_vm();
    BOOST_TEST(vfm_use_program(a.get(), program.get()) == VFM_SUCCESS);
    BOOST_TEST(vfm_use_program(b.get(), program.get()) == VFM_SUCCESS);
    program.reset();
    BOOST_TEST(run(a, {1}) == 1);
    BOOST_TEST(run(a, {1}) == 2);
    BOOST_TEST(run(b, {1}) == 1);  // the program is shared, its flow tables are not
}

struct Compiled {
    int code = 0;
    std::unique_ptr<uint8_t, Free> bytecode;
    uint32_t size = 0;
    std::string message;
};

Compiled compiled(const char* text, size_t room = 256) {
    std::string buffer(room + 1, 'x');
    Compiled result;
    uint8_t* bytecode = reinterpret_cast<uint8_t*>(buffer.data());
    result.code = vfl_compile_string(text, &bytecode, &result.size, buffer.data(), room);
    result.bytecode.reset(bytecode);
    BOOST_TEST(buffer[room] == 'x');
    if (room > 0) result.message = buffer.c_str();
    return result;
}

BOOST_AUTO_TEST_CASE(vflisp_becomes_a_program) {
    const Compiled tcp = compiled("(= proto 6)");
    BOOST_TEST(tcp.code == VFM_SUCCESS);
    BOOST_TEST(tcp.message == "");
    const Vm vm = vm_with(Bytes(tcp.bytecode.get(), tcp.bytecode.get() + tcp.size));
    std::vector<uint8_t> packet(24);
    BOOST_TEST(run(vm, packet) == 0);
    packet[23] = 6;
    BOOST_TEST(run(vm, packet) == 1);
    BOOST_TEST(run(vm) == VFM_ERROR_BOUNDS);

    const Compiled counts = compiled("(< (count-by src-ip) 3)");  // a module, with its table
    BOOST_TEST(counts.code == VFM_SUCCESS);
    const Vm limited = vm_with(Bytes(counts.bytecode.get(), counts.bytecode.get() + counts.size));
    packet.resize(60);
    BOOST_TEST(run(limited, packet) == 1);
    BOOST_TEST(run(limited, packet) == 1);
    BOOST_TEST(run(limited, packet) == 0);
}

BOOST_AUTO_TEST_CASE(errors_of_a_text_are_told_as_far_as_there_is_room) {
    const Compiled bad = compiled("(= prto 6)");
    BOOST_TEST(bad.code == VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(!bad.bytecode);
    BOOST_TEST(bad.size == 0u);
    BOOST_TEST(bad.message.starts_with("<expr>:1:4: error: "));
    BOOST_TEST(bad.message.ends_with("\n") == false);
    for (size_t room = 0; room < 40; ++room) {
        const Compiled cut = compiled("(= prto 6)", room);
        BOOST_TEST(cut.code == VFM_ERROR_INVALID_PROGRAM);
        if (room > 0) BOOST_TEST(cut.message == bad.message.substr(0, room - 1));
    }
    uint8_t* bytecode = nullptr;
    uint32_t size = 0;
    char message[100];
    BOOST_TEST(vfl_compile_string("(", &bytecode, &size, nullptr, 0) == VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(vfl_compile_string("1", nullptr, &size, message, sizeof message) ==
               VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(vfl_compile_string("1", &bytecode, nullptr, message, sizeof message) ==
               VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(vfl_compile_string(nullptr, &bytecode, &size, message, sizeof message) ==
               VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(std::string(message) != "");
    const std::string large(size_t{17} << 20, ' ');
    BOOST_TEST(compiled(large.c_str()).code == VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(compiled("").code == VFM_ERROR_INVALID_PROGRAM);
}

BOOST_AUTO_TEST_CASE(a_message_is_not_cut_inside_a_character) {
    const std::string text = "(= \xC3\xA4\xC3\xB6\xC3\xBC 6)";
    const std::string whole = compiled(text.c_str()).message;
    BOOST_TEST(whole != "");
    for (size_t room = 1; room <= whole.size(); ++room) {
        const std::string cut = compiled(text.c_str(), room).message;
        BOOST_TEST(whole.starts_with(cut));
        BOOST_TEST((static_cast<uint8_t>(whole[cut.size()]) & 0xC0) != 0x80);
    }
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
