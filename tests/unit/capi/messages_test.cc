// What vfm_error_message() and the compiler's buffer say: every refusal names its reason and its
// place.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/module/module_file.h"
#include "tests/harness/temp_dir.h"
#include "tests/unit/capi/vm.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(messages_test)

namespace {

std::string message(const Vm& vm) { return vfm_error_message(vm.get()); }

uint64_t zero(void* /*user*/, const uint64_t* /*arguments*/) { return 0; }

int register_name(const Vm& vm, const std::string& name, uint32_t arity = 0) {
    return vfm_register_function(vm.get(), name.c_str(), arity, zero, nullptr);
}

std::string write(const TempDir& dir, const std::string& name, const Bytes& bytes) {
    return dir.write(name, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

BOOST_AUTO_TEST_CASE(runs_that_cannot_begin_say_why) {
    const std::string none = "run: error: INVALID_PROGRAM: no program is loaded";
    const std::string no_packet = "packet: error: BOUNDS: null, but it has a length";
    uint64_t value = 0;
    const vfm_packet_t packet{nullptr, 1, 0};
    vfm_outcome_t outcome{};
    const auto calls = [&](const Vm& vm) {
        const std::function<int()> all[] = {
            [&] { return vfm_execute(vm.get(), nullptr, 1); },
            [&] { return vfm_execute64(vm.get(), nullptr, 1, &value); },
            [&] { return vfm_execute_batch(vm.get(), &packet, 1, &outcome); },
            [&] { return vfm_step_begin(vm.get(), nullptr, 1); }};
        std::string texts;
        for (const auto& call : all) {
            BOOST_REQUIRE(vfm_set_insn_limit(vm.get(), 0) == VFM_SUCCESS);
            BOOST_TEST(message(vm) == "");
            texts += std::to_string(call()) + ' ';
            texts += message(vm) + '\n';
        }
        return texts;
    };
    const auto four_times = [](const std::string& line) { return line + line + line + line; };
    BOOST_TEST(calls(new_vm()) == four_times("-2 " + none + "\n"));
    const Vm vm = vm_with("LD8 0\nRET\n");
    BOOST_TEST(calls(vm) == four_times("-6 " + no_packet + "\n"));

    // The error of a packet is its code; the message is about the VM.
    BOOST_REQUIRE(vfm_set_insn_limit(vm.get(), 0) == VFM_SUCCESS);
    BOOST_TEST(run(vm) == VFM_ERROR_BOUNDS);
    BOOST_TEST(message(vm) == "");
    BOOST_TEST(vfm_execute64(vm.get(), nullptr, 0, nullptr) == VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(message(vm) == "value: error: INVALID_PROGRAM: null");
    BOOST_TEST(vfm_execute_batch(vm.get(), nullptr, 1, &outcome) == VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(message(vm) == "packets: error: INVALID_PROGRAM: null");
    BOOST_TEST(vfm_execute_batch(vm.get(), &packet, 1, nullptr) == VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(message(vm) == "outcomes: error: INVALID_PROGRAM: null");
    BOOST_TEST(vfm_step(vm.get(), nullptr) == VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(message(vm).starts_with("step: error: INVALID_PROGRAM: no run in steps was begun"));
}

BOOST_AUTO_TEST_CASE(source_text_is_recognised) {
    const TempDir dir;
    const Vm vm = new_vm();
    const auto told = [&](const std::string& text) {
        const std::string path = dir.write("f.vfl", text);
        BOOST_TEST(vfm_load_program_file(vm.get(), path.c_str()) != VFM_SUCCESS);
        return message(vm).find("\nhint: this looks like VFLisp source; vfl_compile_string()") !=
               std::string::npos;
    };
    BOOST_TEST(told("(= proto 6)\n"));
    BOOST_TEST(message(vm).starts_with((dir / "f.vfl") + ":+0x0: error: INVALID_OPCODE"));
    BOOST_TEST(told("; only web\r\n(= dst-port 80)"));
    BOOST_TEST(told(" \n\t(\xC3\xA4)"));
    BOOST_TEST(!told("\x18"));
    BOOST_TEST(!told(""));
    BOOST_TEST(!told("  \n"));
    BOOST_TEST(!told("(\x01"));
    BOOST_TEST(!told("PUSH 1\n"));
}

BOOST_AUTO_TEST_CASE(files_are_named) {
    const Vm vm = new_vm();
    BOOST_TEST(vfm_load_program_file(vm.get(), "") == VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(message(vm) == "file: error: INVALID_PROGRAM: the name is empty");
    BOOST_TEST(vfm_load_program_file(vm.get(), nullptr) == VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(message(vm) == "file: error: INVALID_PROGRAM: there is no name");
}

BOOST_AUTO_TEST_CASE(imports_are_located_in_the_file_that_was_loaded) {
    const TempDir dir;
    // Two values before the call, at offset 4; the module with a name of its own source, too.
    Module module;
    encode(module.code, Opcode::PUSH8, 1);
    encode(module.code, Opcode::PUSH8, 2);
    encode(module.code, Opcode::CALL, 0);
    encode(module.code, Opcode::RET);
    module.imports = {{"two", 2}};
    const std::string plain = write(dir, "two.mod", module_bytes(module));
    module.source_name = "two.vfl";
    const std::string named = write(dir, "named.mod", module_bytes(module));
    for (const std::string& path : {plain, named}) {
        const Vm vm = new_vm();
        BOOST_TEST(vfm_load_program_file(vm.get(), path.c_str()) == VFM_ERROR_VERIFICATION_FAILED);
        BOOST_TEST(message(vm) == path + ":+0x4: error: VERIFICATION_FAILED: there is no host " +
                                      "function 'two'");
        BOOST_TEST(register_name(vm, "two", 1) == VFM_SUCCESS);
        BOOST_TEST(vfm_load_program_file(vm.get(), path.c_str()) == VFM_ERROR_VERIFICATION_FAILED);
        BOOST_TEST(message(vm).starts_with(path + ":+0x4: error: VERIFICATION_FAILED: the host "
                                                  "function 'two' takes 1 argument"));
        // Also where the program was loaded before and a setting is what does not fit.
        BOOST_TEST(register_name(vm, "two", 2) == VFM_SUCCESS);
        BOOST_TEST(vfm_load_program_file(vm.get(), path.c_str()) == VFM_SUCCESS);
        BOOST_TEST(register_name(vm, "two", 1) == VFM_ERROR_VERIFICATION_FAILED);
        BOOST_TEST(message(vm).starts_with(path + ":+0x4: error: "));
    }
}

BOOST_AUTO_TEST_CASE(names_of_host_functions_are_those_that_programs_have) {
    const Vm vm = new_vm();
    const std::pair<std::string, std::string> bad[] = {
        {"", "the name is empty"},
        {" ", "has blanks or control characters"},
        {"two words", "'two words' has blanks"},
        {"tab\t", "'tab\\x09' has blanks"},
        {"\x7f", "control characters"},
        {std::string(65536, 'a'), "more than 65535 bytes"}};
    for (const auto& [name, reason] : bad) {
        BOOST_TEST(register_name(vm, name) == VFM_ERROR_INVALID_PROGRAM);
        BOOST_TEST(message(vm).starts_with("host function: error: "), message(vm));
        BOOST_TEST(message(vm).find(reason) != std::string::npos, message(vm));
    }
    for (const std::string& name : {std::string("x"), std::string("geo-ip/lookup?"),
                                    std::string("gr\xC3\xB6\xC3\x9F"
                                                "e"),
                                    std::string(65535, 'a')})
        BOOST_TEST(register_name(vm, name) == VFM_SUCCESS);
    BOOST_TEST(register_name(vm, "f", 6) == VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(message(vm).find("6 arguments, at most 5") != std::string::npos);
    BOOST_TEST(vfm_register_function(vm.get(), "f", 0, nullptr, nullptr) ==
               VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(message(vm).find("there is no function") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_compiler_names_the_argument_that_is_missing) {
    uint8_t* bytecode = nullptr;
    uint32_t size = 0;
    char text[100] = "x";
    BOOST_TEST(vfl_compile_string("1", nullptr, &size, text, sizeof text) ==
               VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(std::string(text) == "bytecode: error: INVALID_PROGRAM: null");
    BOOST_TEST(vfl_compile_string("1", &bytecode, nullptr, text, sizeof text) ==
               VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(std::string(text) == "bytecode_len: error: INVALID_PROGRAM: null");
}

// In a child, whose pool of executable memory is empty and whose limits are its own.
BOOST_AUTO_TEST_CASE(native_code_does_not_depend_on_the_size_that_files_may_have) {
    const Vm parent(vfm_create());
    if (vfm_enable_jit(parent.get()) != VFM_SUCCESS) {
        BOOST_TEST_MESSAGE("skipped: " << message(parent));
        return;
    }
    const pid_t child = fork();
    if (child == 0) {
        rlimit limit{};
        getrlimit(RLIMIT_FSIZE, &limit);
        limit.rlim_cur = 0;
        setrlimit(RLIMIT_FSIZE, &limit);
        const Vm vm(vfm_create());
        if (vfm_enable_jit(vm.get()) != VFM_SUCCESS) _exit(1);
        if (load(vm, assembled("RET 7\n")) != VFM_SUCCESS || run(vm) != 7) _exit(2);
        _exit(vfm_jit_active(vm.get()) ? 0 : 3);
    }
    int status = 0;
    BOOST_TEST(waitpid(child, &status, 0) == child);
    BOOST_TEST(status == 0);
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
