// Memory in BPF arrays: made, pinned, read as others read it. Skipped where BPF is not available.
#include "loader/shared_memory.h"

#include <bpf/bpf.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <cstring>
#include <filesystem>

#include "core/ebpf/constructors.h"
#include "core/run/flow_memory.h"
#include "tests/unit/loader/private_bpffs.h"
#include "userspace/flow/flow_table.h"

BOOST_AUTO_TEST_SUITE(shared_memory_test)

using namespace vfm;
using test::bpf_is_there;
using test::bpffs;

namespace {

std::string pinned(const SharedMemory& memory, const std::string& name) {
    std::string path = bpffs() + "/" + name;
    BOOST_REQUIRE(bpf_obj_pin(memory.map(), path.c_str()) == 0);
    return path;
}

void refused(const auto& result, const std::string& where, const std::string& message) {
    BOOST_REQUIRE(!result.has_value());
    BOOST_TEST((result.error().status == Status::refused));
    BOOST_TEST(result.error().diagnostics.front().where == where);
    BOOST_TEST(result.error().diagnostics.front().message == message);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_bound_on_memory_and_its_arithmetic) {
    const std::vector<MemoryPart> parts = {{"a", 10}, {"b", 1000}, {"c", 200}, {"d", 5}};
    BOOST_TEST(require_memory("eth0", parts, 1215).has_value());
    refused(require_memory("eth0", parts, 1214), "eth0",
            "the filter wants 1215 bytes of memory, more than --max-memory=1214: "
            "b 1000 + c 200 + a 10 + 1 more");
    const std::vector<MemoryPart> huge = {{"a", UINT64_MAX}, {"b", 2}};
    refused(require_memory("eth0", huge, 1 << 30), "eth0",
            "the filter wants 18446744073709551615 bytes of memory, more than "
            "--max-memory=1073741824: a 18446744073709551615 + b 2");
    BOOST_TEST(require_memory("eth0", {}, 0).has_value());
}

BOOST_AUTO_TEST_CASE(what_is_written_is_read_elsewhere,
                     *boost::unit_test::precondition(bpf_is_there)) {
    auto memory = SharedMemory::make("eth0", "vfm_table_0", 5000);
    BOOST_REQUIRE(memory.has_value());
    BOOST_REQUIRE(memory->bytes().size() == 8192u);
    for (const std::byte byte : memory->bytes()) BOOST_REQUIRE(byte == std::byte{0});
    const std::string path = pinned(*memory, "words");
    const auto view = SharedMemoryView::open(path);
    BOOST_REQUIRE(view.has_value());
    BOOST_REQUIRE(view->bytes().size() == 8192u);
    memory->bytes()[8191] = std::byte{7};
    BOOST_TEST((view->bytes()[8191] == std::byte{7}));
    std::filesystem::remove(path);
    BOOST_TEST((view->bytes()[8191] == std::byte{7}));
}

BOOST_AUTO_TEST_CASE(others_cannot_write, *boost::unit_test::precondition(bpf_is_there)) {
    const auto memory = SharedMemory::make("eth0", "vfm_table_0", 1);
    BOOST_REQUIRE(memory.has_value());
    const std::string path = pinned(*memory, "guarded");
    const pid_t child = fork();
    if (child == 0) {
        std::signal(SIGSEGV, SIG_DFL);
        const auto view = SharedMemoryView::open(path);
        if (!view) _exit(1);
        auto* const front = const_cast<std::byte*>(view->bytes().data());
        if (mprotect(front, 4096, PROT_READ | PROT_WRITE) == 0) _exit(2);
        *const_cast<volatile std::byte*>(front) = std::byte{1};
        _exit(0);
    }
    int status = 0;
    BOOST_REQUIRE(waitpid(child, &status, 0) == child);
    BOOST_TEST(WIFSIGNALED(status));
    BOOST_TEST((memory->bytes()[0] == std::byte{0}));
    std::filesystem::remove(path);
}

BOOST_AUTO_TEST_CASE(a_table_outlives_who_was_killed,
                     *boost::unit_test::precondition(bpf_is_there)) {
    const TableDecl declaration = {.name = "src-ip", .key = {KeyKind::ipv4}, .capacity = 1000};
    const std::string path = bpffs() + "/table";
    const pid_t child = fork();
    if (child == 0) {
        auto memory =
            SharedMemory::make("eth0", "vfm_table_0", FlowTable::memory_size(declaration));
        if (!memory || bpf_obj_pin(memory->map(), path.c_str()) != 0) _exit(1);
        FlowTable table(PlacedTable{declaration, memory->bytes()});
        table.begin_changes();
        for (uint64_t key = 0; key < 500; ++key) table.set(key, key + 1);
        raise(SIGKILL);
    }
    int status = 0;
    BOOST_REQUIRE(waitpid(child, &status, 0) == child);
    BOOST_REQUIRE((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
    const auto view = SharedMemoryView::open(path);
    BOOST_REQUIRE(view.has_value());
    const auto entries = read_flow_memory(view->bytes(), 3);
    BOOST_REQUIRE(entries.has_value());
    BOOST_REQUIRE(entries->size() == 500u);
    for (uint64_t key = 0; key < 500; ++key)
        BOOST_REQUIRE(((*entries)[key] == FlowEntry{3, key, key + 1}));
    std::filesystem::remove(path);
}

BOOST_AUTO_TEST_CASE(what_is_none_is_told, *boost::unit_test::precondition(bpf_is_there)) {
    const std::string path = bpffs() + "/other";
    refused(SharedMemoryView::open(path), path, "cannot be read: No such file or directory");
    const auto refuses = [&](int fd, const std::string& why) {
        BOOST_REQUIRE(fd >= 0);
        const Fd closes(fd);
        BOOST_REQUIRE(bpf_obj_pin(fd, path.c_str()) == 0);
        refused(SharedMemoryView::open(path), path, "cannot be read: " + why);
        std::filesystem::remove(path);
    };
    refuses(bpf_map_create(BPF_MAP_TYPE_ARRAY, "plain", 4, 4096, 1, nullptr),
            "it is no array that can be mapped");
    refuses(bpf_map_create(BPF_MAP_TYPE_HASH, "hash", 4, 4096, 1, nullptr),
            "it is no array that can be mapped");
    const bpf_insn pass[] = {ebpf::mov_imm(BPF_REG_0, XDP_PASS), ebpf::exit_insn()};
    refuses(bpf_prog_load(BPF_PROG_TYPE_XDP, "none", "GPL", pass, 2, nullptr), "it is no map");
}

BOOST_AUTO_TEST_CASE(what_is_too_large_is_told, *boost::unit_test::precondition(bpf_is_there)) {
    refused(SharedMemory::make("eth0", "huge", UINT64_MAX), "eth0",
            "cannot make 18446744073709551615 bytes of shared memory: Argument list too long");
    const uint64_t size = uint64_t{1} << 42;
    const auto large = SharedMemory::make("eth0", "large", size);
    BOOST_REQUIRE(!large.has_value());
    BOOST_TEST(!large.error().diagnostics.front().hint.empty());
}

BOOST_AUTO_TEST_SUITE_END()
