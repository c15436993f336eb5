// A program whose C++ names are those of the inside of libvfm. Its functions are its own, the
// library's are the library's, and exceptions are caught where they belong.
#include <vfm.h>

#include <cstdio>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>

namespace vfm {

std::string printable(std::string_view text, size_t limit);
std::string printable(std::string_view text, size_t limit) {
    if (text.size() > limit) throw std::length_error("mine");
    return "mine";
}

struct Diagnostic {
    ~Diagnostic();
};
Diagnostic::~Diagnostic() { std::abort(); }

namespace capi {
std::string text_of(const Diagnostic& diagnostic);
std::string text_of(const Diagnostic& /*diagnostic*/) { return "mine"; }
}  // namespace capi

}  // namespace vfm

// What GDB looks for, and every program with a compiler inside has.
extern "C" {
int __jit_debug_descriptor = 77;
void __jit_debug_register_code() { std::abort(); }
}

namespace {

bool memory_is_out = false;

bool check(bool good, const char* what) {
    if (!good) std::fprintf(stderr, "%s\n", what);
    return good;
}

bool own_functions() {
    try {
        return vfm::printable("", 0) == "mine" && vfm::printable("abc", 2).empty();
    } catch (const std::length_error& error) {
        return std::string(error.what()) == "mine";
    }
}

bool bad_program() {
    uint8_t* bytecode = nullptr;
    uint32_t length = 0;
    char message[200];
    const int code = vfl_compile_string("(= prto 6)", &bytecode, &length, message, sizeof message);
    return code == VFM_ERROR_INVALID_PROGRAM &&
           std::string_view(message).find("unknown name `prto`") != std::string_view::npos;
}

bool no_memory(const char* module) {
    vfm_state_t* vm = vfm_create();
    if (!vm) return false;
    memory_is_out = true;
    const int code = vfm_load_program_file(vm, module);
    memory_is_out = false;
    const int again = vfm_load_program_file(vm, module);
    vfm_destroy(vm);
    return code == VFM_ERROR_NO_MEMORY && again == VFM_SUCCESS;
}

}  // namespace

void* operator new(size_t size) {
    void* memory = memory_is_out ? nullptr : std::malloc(size);
    if (!memory) throw std::bad_alloc();
    return memory;
}
void* operator new(size_t size, const std::nothrow_t& /*tag*/) noexcept {
    return memory_is_out ? nullptr : std::malloc(size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t /*size*/) noexcept { std::free(memory); }

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    const bool good = check(own_functions(), "own functions") &
                      check(bad_program(), "a program with a mistake") &
                      check(no_memory(argv[1]), "without memory") &
                      check(__jit_debug_descriptor == 77, "own variable");
    return good ? 0 : 1;
}
