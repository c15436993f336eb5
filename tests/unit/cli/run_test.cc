// Reports, and what stands around main().
#include <fcntl.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <stdexcept>

#include "tests/unit/cli/captured.h"

BOOST_AUTO_TEST_SUITE(run_test)

using namespace vfm;
using test::Captured;

namespace {

int run(const std::function<int(const std::vector<std::string>&)>& tool) {
    static char name[] = "tool", first[] = "a", second[] = "";
    char* argv[] = {name, first, second, nullptr};
    return cli::run_main(3, argv, tool);
}

Captured captured_run(const std::function<int(const std::vector<std::string>&)>& tool) {
    return test::captured([&] { return run(tool); });
}

/// run() with stdout being another file.
int run_onto(int fd, const std::function<int(const std::vector<std::string>&)>& tool) {
    std::fflush(stdout);
    const int saved = dup(STDOUT_FILENO);
    dup2(fd, STDOUT_FILENO);
    const int status = run(tool);
    std::clearerr(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    return status;
}

int print_a_line(const std::vector<std::string>&) {
    std::fputs("a line\n", stdout);
    return 0;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(run_main)

BOOST_AUTO_TEST_CASE(arguments_and_status) {
    const Captured result = captured_run([](const std::vector<std::string>& arguments) {
        BOOST_TEST((arguments == std::vector<std::string>{"a", ""}));
        std::fputs("out", stdout);
        return 4;
    });
    BOOST_TEST(result.status == 4);
    BOOST_TEST(result.out == "out");
}

BOOST_AUTO_TEST_CASE(exceptions_are_bugs) {
    const auto result =
        captured_run([](const auto&) -> int { throw std::runtime_error("something"); });
    BOOST_TEST(result.status == 5);
    BOOST_TEST(result.err == "internal error: something\n");
    BOOST_TEST(captured_run([](const auto&) -> int { throw 1; }).status == 5);
    BOOST_TEST(captured_run([](const auto&) -> int { throw std::bad_alloc(); }).status == 3);
}

BOOST_AUTO_TEST_CASE(a_full_disk_is_noticed) {
    const int full = open("/dev/full", O_WRONLY);
    BOOST_REQUIRE(full >= 0);
    const Captured result = test::captured([&] { return run_onto(full, print_a_line); });
    close(full);
    BOOST_TEST(result.status == 3);
    BOOST_TEST(result.err.starts_with("<stdout>: error: cannot write"));
}

BOOST_AUTO_TEST_CASE(a_closed_pipe_ends_quietly) {
    int ends[2];
    BOOST_REQUIRE(pipe(ends) == 0);
    close(ends[0]);
    const Captured result = test::captured([&] { return run_onto(ends[1], print_a_line); });
    close(ends[1]);
    BOOST_TEST(result.status == 0);
    BOOST_TEST(result.err == "");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(report)

BOOST_AUTO_TEST_CASE(failures_go_to_stderr_with_their_status) {
    const Captured result = test::captured([] {
        return cli::report(
            Failure(Status::refused, Diagnostic::about("eth7", "no such interface")));
    });
    BOOST_TEST(result.status == 3);
    BOOST_TEST(result.out == "");
    BOOST_TEST(result.err == "eth7: error: no such interface\n");
}

BOOST_AUTO_TEST_CASE(rejections_as_json) {
    Diagnostic rejection = Diagnostic::at_offset("f.bin", 72, "JGT needs 2 values, has 1");
    rejection.kind = "STACK_UNDERFLOW";
    rejection.mnemonic = "JGT";
    const std::string json = R"({"error":"STACK_UNDERFLOW","offset":72,"mnemonic":"JGT",)"
                             R"("reason":"JGT needs 2 values, has 1"})";
    BOOST_TEST(cli::rejection_json(rejection) == json);
    const Failure failure(Status::rejected, rejection);
    const Captured result = test::captured([&] { return cli::report(failure, true); });
    BOOST_TEST(result.status == 1);
    BOOST_TEST(result.out == json + "\n");
    BOOST_TEST(result.err == "f.bin:+0x48: error: STACK_UNDERFLOW: JGT needs 2 values, has 1\n");
    BOOST_TEST(test::captured([&] { return cli::report(failure, false); }).out == "");
    // What is no rejected program has no such object.
    const Failure other(Status::rejected, Diagnostic::about("f.bin", "cannot open"));
    BOOST_TEST(test::captured([&] { return cli::report(other, true); }).out == "");
}

BOOST_AUTO_TEST_CASE(json_is_ascii_whatever_the_reason) {
    Diagnostic rejection = Diagnostic::about("f", "a \"b\" \xff\n");
    rejection.kind = "BOUNDS";
    BOOST_TEST(cli::rejection_json(rejection).find(R"(a \"b\" \ufffd\n)") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(no_colour_in_files) {
    test::captured([] {
        BOOST_TEST(!cli::use_colour(STDOUT_FILENO));
        return 0;
    });
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE_END()
