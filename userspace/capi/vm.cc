// The life of a VM and what it is told: programs, flow tables, host functions.
#include <algorithm>
#include <cstring>
#include <utility>

#include "core/base/io.h"
#include "core/module/declarations.h"
#include "core/module/module_file.h"
#include "userspace/capi/state.h"
#include "userspace/jit/native_program.h"

using namespace vfm;  // NOLINT(google-build-using-namespace): the C functions stand outside

namespace {

/// VFLisp begins with an expression or a comment, after white space.
bool looks_like_vflisp(ByteView bytes) {
    const std::string_view blanks = " \t\r\n";
    const auto first = std::ranges::find_if(bytes, [&](uint8_t byte) {
        return blanks.find(static_cast<char>(byte)) == std::string_view::npos;
    });
    if (first == bytes.end() || (*first != '(' && *first != ';')) return false;
    return std::ranges::none_of(bytes, [&](uint8_t byte) {
        return byte < 0x20 && blanks.find(static_cast<char>(byte)) == std::string_view::npos;
    });
}

Result<> load_bytes(vfm_state_t& vm, ByteView bytes, const std::string& name) {
    auto made = capi::Program::make(bytes, name);
    if (!made && looks_like_vflisp(bytes))
        made.error().diagnostics.front().hint =
            "this looks like VFLisp source; vfl_compile_string() makes a program of it";
    return capi::load(vm, TRY(std::move(made)));
}

/// What is wrong with the name of a host function; empty if a program can ask for it.
std::string name_fault(std::string_view name) {
    if (name.empty()) return "the name is empty";
    if (name.size() > kMaxName) return "a name of more than " + std::to_string(kMaxName) + " bytes";
    const auto odd = [](char c) { return static_cast<uint8_t>(c) <= 0x20 || c == 0x7f; };
    if (std::ranges::any_of(name, odd))
        return "the name '" + printable(name) + "' has blanks or control characters";
    return {};
}

Result<> check_function(const char* name, uint32_t arity, vfm_host_function_t function) {
    const auto refuse = [](std::string why) {
        return capi::refuse(ErrorKind::invalid_program, "host function", std::move(why));
    };
    if (!name) return refuse("there is no name");
    if (std::string why = name_fault({name, strnlen(name, kMaxName + 1)}); !why.empty())
        return refuse(std::move(why));
    if (!function) return refuse("there is no function");
    if (arity > kMaxCallArguments)
        return refuse(std::to_string(arity) + " arguments, at most " +
                      std::to_string(kMaxCallArguments) + " are possible");
    return {};
}

}  // namespace

vfm_state_t* vfm_create(void) { return new (std::nothrow) vfm_state; }

void vfm_destroy(vfm_state_t* vm) {
    if (vm && !vm->stepping) delete vm;
}

int vfm_load_program(vfm_state_t* vm, const uint8_t* program, uint32_t len) {
    return capi::call(vm, [&]() -> Result<> {
        if (!program) return capi::refuse(ErrorKind::invalid_program, "program", "there is none");
        return load_bytes(*vm, {program, len}, "program");
    });
}

int vfm_load_program_file(vfm_state_t* vm, const char* filename) {
    return capi::call(vm, [&]() -> Result<> {
        if (!filename || !*filename)
            return capi::refuse(ErrorKind::invalid_program, "file",
                                filename ? "the name is empty" : "there is no name");
        // `-` means standard input to read_file(), which belongs to the program around us.
        const std::string path = std::string_view(filename) == "-" ? "./-" : filename;
        return load_bytes(*vm, TRY(read_file(path, kMaxModuleFile)), filename);
    });
}

int vfm_use_program(vfm_state_t* vm, const vfm_program_t* program) {
    return capi::call(vm, [&]() -> Result<> {
        if (!program) return capi::refuse(ErrorKind::invalid_program, "program", "there is none");
        return capi::load(*vm, program->program);
    });
}

int vfm_enable_jit(vfm_state_t* vm) {
    return capi::call(vm, [&]() -> Result<> {
        if (const std::string why = jit::NativeProgram::missing(); !why.empty())
            return capi::refuse(ErrorKind::no_memory, "native code", why);
        capi::Settings settings = vm->settings;
        settings.jit = true;
        return capi::change(*vm, std::move(settings));
    });
}

int vfm_jit_active(const vfm_state_t* vm) { return vm && vm->loaded.native ? 1 : 0; }

const char* vfm_error_message(const vfm_state_t* vm) { return vm ? vm->message.c_str() : ""; }

int vfm_flow_table_init(vfm_state_t* vm, uint32_t size) {
    return capi::call(vm, [&]() -> Result<> {
        if (size == 0)
            return capi::refuse(ErrorKind::invalid_program, "flow table", "size 0 holds nothing");
        if (size > kMaxCapacity)
            return capi::refuse(ErrorKind::no_memory, "flow table",
                                "more than " + std::to_string(kMaxCapacity) + " entries");
        capi::Settings settings = vm->settings;
        settings.flow_capacity = size;
        return capi::change(*vm, std::move(settings), capi::Entries::forget);
    });
}

void vfm_flow_table_clear(vfm_state_t* vm) {
    if (!vm || !vm->is_loaded()) return;
    const size_t tables = vm->loaded.active->verified().tables().size();
    for (size_t i = 0; i < tables; ++i) (*vm->loaded.tables)[i].clear();
}

int vfm_register_function(vfm_state_t* vm, const char* name, uint32_t arity,
                          vfm_host_function_t function, void* user) {
    return capi::call(vm, [&]() -> Result<> {
        TRY(check_function(name, arity, function));
        capi::Settings settings = vm->settings;
        auto& known = settings.host_functions;
        auto row = std::ranges::find(known, name, &HostFunction::name);
        if (row == known.end()) row = known.insert(row, HostFunction{.name = name});
        *row = {
            .name = name, .arity = static_cast<uint8_t>(arity), .function = function, .user = user};
        return capi::change(*vm, std::move(settings));
    });
}
