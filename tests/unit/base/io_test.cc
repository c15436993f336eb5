#include <sys/stat.h>

#include <boost/test/unit_test.hpp>
#include <fstream>

#include "core/base/io.h"
#include "tests/harness/temp_dir.h"

BOOST_AUTO_TEST_SUITE(io_test)

using namespace vfm;
using vfm::test::TempDir;

namespace {

std::string content(const std::string& path) {
    const auto text = read_text(path);
    return text ? *text : "<unreadable>";
}

}  // namespace

BOOST_AUTO_TEST_CASE(there_and_back) {
    const TempDir dir;
    const Bytes bytes = {0, 1, 255, '\n'};
    BOOST_TEST(write_file(dir / "f", bytes).has_value());
    const auto read = read_file(dir / "f");
    BOOST_REQUIRE(read.has_value());
    BOOST_TEST(*read == bytes);
    BOOST_TEST(write_file(dir / "f", as_bytes("new")).has_value());
    BOOST_TEST(content(dir / "f") == "new");
    BOOST_TEST(dir.entries() == 1u);  // no temporary file stays
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_rejected) {
    const TempDir dir;
    const auto missing = read_file(dir / "nothing");
    BOOST_REQUIRE(!missing.has_value());
    BOOST_TEST((missing.error().status == Status::rejected));
    BOOST_TEST(missing.error().diagnostics[0].message.find("No such file") != std::string::npos);
    BOOST_TEST(!read_file(dir / "").has_value());
}

BOOST_AUTO_TEST_CASE(more_than_the_limit_is_rejected) {
    const TempDir dir;
    const std::string path = dir.write("f", "12345");
    BOOST_TEST(read_file(path, 5).has_value());
    BOOST_TEST(!read_file(path, 4).has_value());
}

BOOST_AUTO_TEST_CASE(what_cannot_be_written_is_refused_and_leaves_nothing) {
    const TempDir dir;
    const auto written = write_file(dir / "missing/f", as_bytes("x"));
    BOOST_REQUIRE(!written.has_value());
    BOOST_TEST((written.error().status == Status::refused));
    BOOST_TEST(!write_file(dir / "", as_bytes("x")).has_value());
    BOOST_TEST(dir.entries() == 0u);
}

BOOST_AUTO_TEST_CASE(devices_are_written_in_place) {
    BOOST_TEST(write_file("/dev/null", as_bytes("x")).has_value());
    BOOST_TEST(!write_file("/dev/full", as_bytes("x")).has_value());
    struct stat info{};
    BOOST_TEST(stat("/dev/null", &info) == 0);
    BOOST_TEST(S_ISCHR(info.st_mode));
}

BOOST_AUTO_TEST_CASE(a_link_stays_a_link) {
    const TempDir dir;
    const std::string target = dir.write("target", "old");
    std::filesystem::create_symlink("target", dir / "link");
    BOOST_TEST(write_file(dir / "link", as_bytes("new")).has_value());
    BOOST_TEST(std::filesystem::is_symlink(dir / "link"));
    BOOST_TEST(content(target) == "new");
}

BOOST_AUTO_TEST_CASE(a_link_to_nothing_stays_a_link) {
    const TempDir dir;
    std::filesystem::create_directory(dir / "sub");
    std::filesystem::create_symlink("second", dir / "first");
    std::filesystem::create_symlink("sub/target", dir / "second");
    BOOST_TEST(write_file(dir / "first", as_bytes("new")).has_value());
    BOOST_TEST(std::filesystem::is_symlink(dir / "first"));
    BOOST_TEST(std::filesystem::is_symlink(dir / "second"));
    BOOST_TEST(content(dir / "sub/target") == "new");
}

BOOST_AUTO_TEST_CASE(a_link_to_itself_is_refused) {
    const TempDir dir;
    std::filesystem::create_symlink("loop", dir / "loop");
    BOOST_TEST(!write_file(dir / "loop", as_bytes("new")).has_value());
    BOOST_TEST(std::filesystem::is_symlink(dir / "loop"));
    BOOST_TEST(dir.entries() == 1u);
}

BOOST_AUTO_TEST_CASE(names_may_be_as_long_as_the_system_lets_them) {
    const TempDir dir;
    BOOST_TEST(write_file(dir / std::string(255, 'n'), as_bytes("x")).has_value());
    BOOST_TEST(!write_file(dir / std::string(256, 'n'), as_bytes("x")).has_value());
    BOOST_TEST(dir.entries() == 1u);
}

BOOST_AUTO_TEST_CASE(the_mode_of_a_replaced_file_stays) {
    const TempDir dir;
    const std::string path = dir.write("f", "old");
    BOOST_REQUIRE(chmod(path.c_str(), 0640) == 0);
    BOOST_TEST(write_file(path, as_bytes("new")).has_value());
    struct stat info{};
    BOOST_REQUIRE(stat(path.c_str(), &info) == 0);
    BOOST_TEST((info.st_mode & 07777) == 0640u);
}

BOOST_AUTO_TEST_CASE(names_for_messages) {
    BOOST_TEST(display_name("-") == "<stdin>");
    BOOST_TEST(display_name("a/b") == "a/b");
}

BOOST_AUTO_TEST_SUITE_END()
