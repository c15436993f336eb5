// VFLisp from files.
#include <sys/stat.h>

#include "tests/harness/temp_dir.h"
#include "tests/unit/capi/vm.h"

namespace vfm::test {
BOOST_AUTO_TEST_SUITE(compile_test)

namespace {

/// What a compilation gave.
struct Made {
    int code = 0;
    Bytes program;
    std::string message;
};

Made compile(const std::string& filename, const char* base = nullptr) {
    uint8_t* bytecode = nullptr;
    uint32_t size = 0;
    char message[400];
    Made made;
    made.code = vfl_compile_file(filename.c_str(), base, &bytecode, &size, message, sizeof message);
    if (made.code == VFM_SUCCESS) made.program.assign(bytecode, bytecode + size);
    BOOST_TEST((bytecode != nullptr) == (made.code == VFM_SUCCESS));
    std::free(bytecode);
    made.message = message;
    return made;
}

std::vector<uint8_t> packet_of(uint8_t proto) {
    std::vector<uint8_t> packet(60);
    packet[12] = 0x08, packet[14] = 0x45, packet[23] = proto;
    return packet;
}

BOOST_AUTO_TEST_CASE(a_file_is_compiled) {
    const TempDir dir;
    const Made made = compile(dir.write("tcp.vfl", "; web\n(= proto 6)\n"));
    BOOST_TEST(made.code == VFM_SUCCESS);
    BOOST_TEST(made.message == "");
    const Vm vm = vm_with(made.program);
    BOOST_TEST(run(vm, packet_of(6)) == 1);
    BOOST_TEST(run(vm, packet_of(17)) == 0);
}

BOOST_AUTO_TEST_CASE(files_are_relative_to_the_file_or_to_the_base) {
    const TempDir dir, other;
    const std::string main = dir.write("main.vfl", "(include \"defs.vfl\")\n(= proto wanted)\n");
    dir.write("defs.vfl", "(define wanted 6)\n");
    other.write("defs.vfl", "(define wanted 17)\n");
    const Made near = compile(main), far = compile(main, (other / "").c_str());
    BOOST_REQUIRE(near.code == VFM_SUCCESS);
    BOOST_REQUIRE(far.code == VFM_SUCCESS);
    BOOST_TEST(run(vm_with(near.program), packet_of(6)) == 1);
    BOOST_TEST(run(vm_with(far.program), packet_of(6)) == 0);
    BOOST_TEST(run(vm_with(far.program), packet_of(17)) == 1);
}

BOOST_AUTO_TEST_CASE(sets_from_files) {
    const TempDir dir;
    const std::string main =
        dir.write("main.vfl", "(defset good :file \"good.txt\")\n(in proto @good)\n");
    dir.write("good.txt", "6\n17 ; UDP\n");
    const Made made = compile(main);
    BOOST_TEST(made.message == "");
    BOOST_REQUIRE(made.code == VFM_SUCCESS);
    BOOST_TEST(run(vm_with(made.program), packet_of(17)) == 1);
    BOOST_TEST(run(vm_with(made.program), packet_of(1)) == 0);
    const std::string bad = dir.write("good.txt", "6\nsix\n");
    BOOST_TEST(compile(main).code == VFM_ERROR_INVALID_PROGRAM);
    BOOST_TEST(compile(main).message.starts_with(bad + ":2:1: error: "));
}

BOOST_AUTO_TEST_CASE(warnings_are_told) {
    const TempDir dir;
    const std::string main = dir.write("w.vfl", "(defset none)\n(in proto @none)\n");
    const Made made = compile(main);
    BOOST_TEST(made.code == VFM_SUCCESS);
    BOOST_TEST(made.message.starts_with(main + ":1:"));
    BOOST_TEST(made.message.find("warning: ") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(files_that_cannot_be_read) {
    const TempDir dir;
    const int bad = VFM_ERROR_INVALID_PROGRAM;
    const std::string missing = dir / "missing.vfl";
    BOOST_TEST(compile(missing).code == bad);
    BOOST_TEST(compile(missing).message.starts_with(missing + ": error: "));
    BOOST_TEST(compile(dir / "").code == bad);
    BOOST_TEST(compile("").code == bad);
    BOOST_TEST(compile("-").code == bad);  // no standard input
    const std::string main = dir.write("m.vfl", "(include \"gone.vfl\")\n(= proto 6)\n");
    BOOST_TEST(compile(main).code == bad);
    BOOST_TEST(compile(main).message.starts_with(main + ":1:10: error: "));
    BOOST_TEST(compile(main, "/nowhere").message.starts_with(main + ":1:10: error: "));
}

BOOST_AUTO_TEST_CASE(a_string_names_no_files) {
    uint8_t* bytecode = nullptr;
    uint32_t size = 0;
    char message[200];
    for (const char* source :
         {"(include \"x.vfl\")\n(= proto 6)", "(defset s :file \"x.txt\")\n(in proto @s)"}) {
        BOOST_TEST(vfl_compile_string(source, &bytecode, &size, message, sizeof message) ==
                   VFM_ERROR_INVALID_PROGRAM);
        BOOST_TEST(!bytecode);
        BOOST_TEST(std::string(message).starts_with("<expr>:1:"));
    }
}

BOOST_AUTO_TEST_CASE(wrong_arguments_for_files) {
    const TempDir dir;
    const std::string main = dir.write("m.vfl", "(= proto 6)\n");
    uint8_t* bytecode = nullptr;
    uint32_t size = 0;
    char message[100];
    const int bad = VFM_ERROR_INVALID_PROGRAM;
    BOOST_TEST(vfl_compile_file(nullptr, nullptr, &bytecode, &size, message, 100) == bad);
    BOOST_TEST(message == std::string("file: error: INVALID_PROGRAM: there is no name"));
    BOOST_TEST(vfl_compile_file(main.c_str(), nullptr, nullptr, &size, message, 100) == bad);
    BOOST_TEST(vfl_compile_file(main.c_str(), nullptr, &bytecode, nullptr, message, 100) == bad);
    BOOST_TEST(vfl_compile_file(main.c_str(), nullptr, &bytecode, &size, nullptr, 0) ==
               VFM_SUCCESS);
    std::free(bytecode);
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::test
