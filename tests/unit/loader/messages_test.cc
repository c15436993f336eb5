// The file for messages, under a /run that only this process sees.
#include "loader/messages.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

BOOST_AUTO_TEST_SUITE(messages_test)

using namespace vfm;
namespace fs = std::filesystem;

namespace {

boost::test_tools::assertion_result run_is_ours(boost::unit_test::test_unit_id) {
    static const bool ours = unshare(CLONE_NEWNS) == 0 &&
                             mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                             mount("vfm", "/run", "tmpfs", 0, "size=1m") == 0;
    boost::test_tools::assertion_result result(ours);
    result.message() << "no mounts of its own";
    return result;
}

std::string text_of(const std::string& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

/// Takes the room that is left.
void fill(const std::string& path) {
    const Fd file(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    const std::string piece(4096, 'x');
    while (write(file.get(), piece.data(), piece.size()) > 0) continue;
}

const std::string kPath = "/run/vfm/1-2-xdp-f.log";

}  // namespace

BOOST_AUTO_TEST_SUITE(messages, *boost::unit_test::precondition(run_is_ours))

BOOST_AUTO_TEST_CASE(a_file_of_each_filter) {
    Record record;
    record.name = "a%s\"'";
    record.ifindex = 7;
    record.network_namespace = 42;
    BOOST_TEST(messages_path(record) == "/run/vfm/42-7-xdp-a%s\"'.log");
}

BOOST_AUTO_TEST_CASE(nothing_is_there_before_it_is_published) {
    {
        const auto messages = Messages::open(kPath);
        BOOST_REQUIRE(messages.has_value());
        messages->say("nobody reads this");
        BOOST_TEST(fs::is_empty("/run"));
    }
    BOOST_TEST(fs::is_empty("/run"));
}

BOOST_AUTO_TEST_CASE(it_has_its_name_until_it_is_removed) {
    auto messages = Messages::open(kPath);
    BOOST_REQUIRE(messages.has_value());
    messages->say("before");
    BOOST_REQUIRE(messages->publish().has_value());
    messages->say("after %s {}");
    const std::string text = text_of(kPath);
    BOOST_TEST(text.find("the filter is served from here on\n") == 21u);
    BOOST_TEST(text.find(" before\n") != text.npos);
    BOOST_TEST(text.ends_with(" after %s {}\n"));
    struct stat status{};
    BOOST_REQUIRE(stat(kPath.c_str(), &status) == 0);
    BOOST_TEST((status.st_mode & 077) == 0u);
    remove_messages(kPath);
    BOOST_TEST(fs::is_empty("/run"));
    messages->say("nobody reads this");
    BOOST_TEST(fs::is_empty("/run"));
}

BOOST_AUTO_TEST_CASE(what_somebody_left_goes) {
    fs::create_directory("/run/vfm");
    std::ofstream("/run/other") << "other";
    fs::create_symlink("/run/other", kPath);
    auto messages = Messages::open(kPath);
    BOOST_REQUIRE(messages.has_value());
    BOOST_REQUIRE(messages->publish().has_value());
    BOOST_TEST(!fs::is_symlink(kPath));
    BOOST_TEST(text_of("/run/other") == "other");
    remove_messages(kPath);
    fs::remove("/run/other");
}

BOOST_AUTO_TEST_CASE(who_writes_removes_only_his_own) {
    auto one = Messages::open(kPath);
    BOOST_REQUIRE((one.has_value() && one->publish().has_value()));
    one->remove();
    BOOST_TEST(fs::is_empty("/run"));
    auto next = Messages::open(kPath);
    BOOST_REQUIRE((next.has_value() && next->publish().has_value()));
    one->remove();
    BOOST_TEST(fs::exists(kPath));
    next->remove();
    BOOST_TEST(fs::is_empty("/run"));
}

BOOST_AUTO_TEST_CASE(others_stay) {
    auto one = Messages::open(kPath), other = Messages::open("/run/vfm/other.log");
    BOOST_REQUIRE((one.has_value() && other.has_value()));
    BOOST_REQUIRE((one->publish().has_value() && other->publish().has_value()));
    remove_messages(kPath);
    BOOST_TEST(fs::exists("/run/vfm/other.log"));
    std::ofstream("/run/not-ours") << "x";
    remove_messages("/run/not-ours");
    remove_messages("/run/vfm/../not-ours");
    remove_messages("");
    BOOST_TEST(fs::exists("/run/not-ours"));
    fs::remove("/run/not-ours");
    remove_messages("/run/vfm/other.log");
    BOOST_TEST(fs::is_empty("/run"));
}

BOOST_AUTO_TEST_CASE(a_long_story_begins_anew) {
    auto messages = Messages::open(kPath);
    BOOST_REQUIRE(messages.has_value());
    BOOST_REQUIRE(messages->publish().has_value());
    const std::string line(1000, 'x');
    for (int i = 0; i < 300; ++i) {
        messages->say(line);
        BOOST_REQUIRE(fs::file_size(kPath) < (258u << 10));
    }
    BOOST_TEST(text_of(kPath).find("what was here before was too long\n") != std::string::npos);
    remove_messages(kPath);
}

BOOST_AUTO_TEST_CASE(a_full_run_is_told_and_survived) {
    auto messages = Messages::open(kPath);
    BOOST_REQUIRE(messages.has_value());
    BOOST_REQUIRE(messages->publish().has_value());
    fill("/run/full");
    const auto refused = Messages::open("/run/vfm/other.log");
    BOOST_REQUIRE(!refused.has_value());
    BOOST_TEST((refused.error().status == Status::refused));
    BOOST_TEST(refused.error().diagnostics.front().message ==
               "cannot write messages: No space left on device");
    BOOST_TEST(!fs::exists("/run/vfm/other.log"));
    const std::string line(5000, 'x');  // more than the rest of a page
    messages->say(line);
    fs::remove("/run/full");
    messages->say("there is room again");
    BOOST_TEST(text_of(kPath).ends_with(" there is room again\n"));
    remove_messages(kPath);
    BOOST_TEST(fs::is_empty("/run"));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE_END()
