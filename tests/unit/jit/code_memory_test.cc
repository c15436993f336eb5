// Memory for machine code: it runs, it is never writable and executable, a fork leaves each process
// its own.
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "userspace/jit/runtime/code_memory.h"

BOOST_AUTO_TEST_SUITE(code_memory_test)

using namespace vfm;
using jit::CodeMemory;

namespace {

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif

using Function = uint64_t (*)();

/// mov eax, number; ret
Bytes returning(uint32_t number) {
    Bytes code = {0xb8};
    append_le(code, number, 4);
    code.push_back(0xc3);
    return code;
}

}  // namespace

BOOST_AUTO_TEST_CASE(code_runs) {
    const auto memory = CodeMemory::make(returning(42));
    BOOST_TEST_REQUIRE(memory.has_value());
    BOOST_TEST(memory->entry<Function>()() == 42u);
    BOOST_TEST(memory->bytes().size() == 6u);
    BOOST_TEST(reinterpret_cast<uintptr_t>(memory->bytes().data()) % CodeMemory::kAlignment == 0u);
}

BOOST_AUTO_TEST_CASE(no_code_is_no_memory) { BOOST_TEST(!CodeMemory::make({}).has_value()); }

BOOST_AUTO_TEST_CASE(pieces_do_not_overlap_and_are_given_back) {
    for (unsigned round = 0; round < 3; ++round) {
        std::vector<CodeMemory> pieces;
        for (uint32_t i = 0; i < 5000; ++i) {
            auto piece = CodeMemory::make(returning(i));
            BOOST_TEST_REQUIRE(piece.has_value());
            pieces.push_back(*std::move(piece));
            if (i % 3 == 0) pieces[i / 2] = CodeMemory();
        }
        for (uint32_t i = 0; i < pieces.size(); ++i)
            if (!pieces[i].bytes().empty()) BOOST_TEST(pieces[i].entry<Function>()() == i);
    }
}

BOOST_AUTO_TEST_CASE(pieces_of_all_sizes_come_and_go) {
    std::mt19937 random(1);
    std::vector<CodeMemory> pieces(300);
    std::vector<uint32_t> numbers(pieces.size());
    for (uint32_t i = 1; i <= 20000; ++i) {
        const size_t at = random() % pieces.size();
        BOOST_REQUIRE(pieces[at].bytes().empty() || pieces[at].entry<Function>()() == numbers[at]);
        pieces[at] = CodeMemory();
        if (random() % 4 == 0) continue;
        Bytes code = returning(i);
        code.resize(code.size() + random() % (random() % 50 == 0 ? 100000 : 1000), 0x90);
        auto piece = CodeMemory::make(code);
        BOOST_REQUIRE(piece.has_value());
        pieces[at] = *std::move(piece);
        numbers[at] = i;
    }
    for (size_t at = 0; at < pieces.size(); ++at)
        if (!pieces[at].bytes().empty()) BOOST_TEST(pieces[at].entry<Function>()() == numbers[at]);
}

BOOST_AUTO_TEST_CASE(large_code) {
    Bytes code(5 << 20, 0x90);
    for (const uint8_t byte : returning(7)) code.push_back(byte);
    const auto memory = CodeMemory::make(code);
    BOOST_TEST_REQUIRE(memory.has_value());
    BOOST_TEST(memory->entry<Function>()() == 7u);
}

BOOST_AUTO_TEST_CASE(nothing_is_writable_and_executable) {
    const auto memory = CodeMemory::make(returning(1));
    BOOST_TEST_REQUIRE(memory.has_value());
    std::ifstream maps("/proc/self/maps");
    const auto address = reinterpret_cast<uintptr_t>(memory->bytes().data());
    bool found = false;
    for (std::string line; std::getline(maps, line);) {
        uintptr_t first = 0, end = 0;
        char rights[5] = {};
        BOOST_TEST_REQUIRE(std::sscanf(line.c_str(), "%lx-%lx %4s", &first, &end, rights) == 3);
        BOOST_TEST(!(rights[1] == 'w' && rights[2] == 'x'), line);
        if (address < first || address >= end) continue;
        found = true;
        BOOST_TEST(rights[1] == '-');
        BOOST_TEST(rights[2] == 'x');
    }
    BOOST_TEST(found);
}

BOOST_AUTO_TEST_CASE(a_forked_child_keeps_what_its_parent_gives_back) {
    auto first = CodeMemory::make(returning(111));
    BOOST_TEST_REQUIRE(first.has_value());
    const auto function = first->entry<Function>();
    int ready[2];
    BOOST_TEST_REQUIRE(pipe(ready) == 0);
    const pid_t child = fork();
    if (child == 0) {
        char byte;
        _exit(read(ready[0], &byte, 1) == 1 && function() == 111 ? 0 : 1);
    }
    *first = CodeMemory();
    const auto second = CodeMemory::make(returning(222));
    BOOST_TEST_REQUIRE(second.has_value());
    BOOST_TEST(second->entry<Function>()() == 222u);
    BOOST_TEST(write(ready[1], "", 1) == 1);
    int status = 1;
    BOOST_TEST(waitpid(child, &status, 0) == child);
    BOOST_TEST(status == 0);
    close(ready[0]);
    close(ready[1]);
}

// What was written before a fork runs on in both processes, and can be written by neither.
BOOST_AUTO_TEST_CASE(a_fork_seals_what_is_there) {
    const auto memory = CodeMemory::make(returning(5));
    BOOST_TEST_REQUIRE(memory.has_value());
    const auto shared_and_writable = [] {
        std::ifstream maps("/proc/self/maps");
        size_t count = 0;
        for (std::string line; std::getline(maps, line);) count += line.contains(" rw-s ");
        return count;
    };
    BOOST_TEST(shared_and_writable() > 0u);
    const pid_t child = fork();
    if (child == 0) _exit(shared_and_writable() == 0 && memory->entry<Function>()() == 5 ? 0 : 1);
    int status = 1;
    BOOST_TEST(waitpid(child, &status, 0) == child);
    BOOST_TEST(status == 0);
    BOOST_TEST(shared_and_writable() == 0u);
    BOOST_TEST(memory->entry<Function>()() == 5u);
}

BOOST_AUTO_TEST_CASE(threads_make_code_while_others_fork) {
    std::atomic<bool> wrong = false;
    std::vector<std::jthread> makers;
    for (unsigned thread = 0; thread < 3; ++thread)
        makers.emplace_back([&wrong, thread](const std::stop_token& stop) {
            for (uint32_t number = thread; !stop.stop_requested(); number += 3) {
                const auto memory = CodeMemory::make(returning(number));
                if (!memory || memory->entry<Function>()() != number) wrong = true;
            }
        });
    for (int i = 0; i < 50; ++i) {
        const pid_t child = fork();
        if (child == 0) {
            const auto memory = CodeMemory::make(returning(7));
            _exit(memory && memory->entry<Function>()() == 7 ? 0 : 1);
        }
        int status = 1;
        BOOST_TEST(waitpid(child, &status, 0) == child);
        BOOST_TEST(status == 0);
    }
    makers.clear();
    BOOST_TEST(!wrong);
}

BOOST_AUTO_TEST_CASE(a_forked_child_does_not_write_into_its_parent) {
    const auto before = CodeMemory::make(returning(1));
    BOOST_TEST_REQUIRE(before.has_value());
    const pid_t child = fork();
    if (child == 0) {
        std::vector<CodeMemory> pieces;
        bool good = before->entry<Function>()() == 1;
        for (uint32_t i = 0; i < 100; ++i) {
            auto piece = CodeMemory::make(returning(1000 + i));
            if (!piece) _exit(2);
            pieces.push_back(*std::move(piece));
            good &= pieces.back().entry<Function>()() == 1000 + i;
        }
        _exit(good ? 0 : 1);
    }
    int status = 0;
    BOOST_TEST(waitpid(child, &status, 0) == child);
    BOOST_TEST(status == 0);
    const auto after = CodeMemory::make(returning(2));
    BOOST_TEST_REQUIRE(after.has_value());
    BOOST_TEST(before->entry<Function>()() == 1u);
    BOOST_TEST(after->entry<Function>()() == 2u);
}

// The system ends a process that makes a file longer than it may: this memory is no file.
BOOST_AUTO_TEST_CASE(a_limit_on_the_size_of_files_does_not_count) {
    const pid_t child = fork();  // with a pool of its own, which is empty
    if (child == 0) {
        rlimit limit{};
        getrlimit(RLIMIT_FSIZE, &limit);
        limit.rlim_cur = 0;
        setrlimit(RLIMIT_FSIZE, &limit);
        Bytes code(5 << 20, 0x90);
        for (const uint8_t byte : returning(7)) code.push_back(byte);
        const auto small = CodeMemory::make(returning(1));
        const auto large = CodeMemory::make(code);
        if (!small || !large) _exit(1);
        _exit(small->entry<Function>()() == 1 && large->entry<Function>()() == 7 ? 0 : 2);
    }
    int status = 0;
    BOOST_TEST(waitpid(child, &status, 0) == child);
    BOOST_TEST(status == 0);
}

// perf reads its map of generated code for memory without a file only.
BOOST_AUTO_TEST_CASE(code_stands_in_no_file) {
    const auto memory = CodeMemory::make(returning(1));
    BOOST_TEST_REQUIRE(memory.has_value());
    std::ifstream maps("/proc/self/maps");
    const auto address = reinterpret_cast<uintptr_t>(memory->bytes().data());
    for (std::string line; std::getline(maps, line);) {
        uintptr_t first = 0, end = 0;
        BOOST_TEST_REQUIRE(std::sscanf(line.c_str(), "%lx-%lx", &first, &end) == 2);
        if (address < first || address >= end) continue;
        BOOST_TEST(line.find("/dev/zero") != std::string::npos, line);
    }
}

BOOST_AUTO_TEST_CASE(threads_make_and_destroy_pieces) {
    std::vector<std::thread> threads;
    std::vector<unsigned> wrong(4);
    for (uint32_t t = 0; t < 4; ++t)
        threads.emplace_back([t, &wrong] {
            for (uint32_t i = 0; i < 2000; ++i) {
                const auto piece = CodeMemory::make(returning(t << 16 | i));
                wrong[t] += !piece || piece->entry<Function>()() != (t << 16 | i);
            }
        });
    for (std::thread& thread : threads) thread.join();
    for (const unsigned count : wrong) BOOST_TEST(count == 0u);
}

// What a refusal leaves behind holds no memory, and the next piece is made as if nothing had been.
BOOST_AUTO_TEST_CASE(refused_memory_is_an_error_each_time) {
    constexpr int kNoSuchThing = 77;
    const pid_t child = fork();  // so its pool is a new one
    if (child == 0) {
        if (prctl(PR_SET_MDWE, 1, 0, 0, 0) != 0) _exit(kNoSuchThing);
        for (unsigned i = 0; i < 3; ++i)
            if (const auto memory = CodeMemory::make(returning(1));
                memory || !memory.error().contains("no executable memory"))
                _exit(1);
        _exit(0);
    }
    int status = 1;
    BOOST_TEST(waitpid(child, &status, 0) == child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == kNoSuchThing)
        BOOST_TEST_MESSAGE("skipped: this kernel has no PR_SET_MDWE");
    else
        BOOST_TEST(status == 0);
}

BOOST_AUTO_TEST_SUITE_END()
