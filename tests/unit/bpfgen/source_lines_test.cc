// Which line of which file an instruction is said to come from, in records and in listings.
#include "bpfgen/source_lines.h"

#include "bpfgen/btf.h"
#include "bpfgen/line_records.h"
#include "bpfgen/listing.h"
#include "tests/unit/bpfgen/program.h"

namespace vfm::bpf {
BOOST_AUTO_TEST_SUITE(source_lines_test)

namespace {

/// The only other file there is.
class OneFile final : public lisp::Files {
  public:
    explicit OneFile(std::string text) : text_(std::move(text)) {}
    Result<lisp::OpenedFile> open(const std::string& path, const std::string&, size_t) override {
        return lisp::OpenedFile{.name = path, .identity = path, .text = text_};
    }
    std::string identity(const std::string& name) override { return name; }

  private:
    std::string text_;
};

Program compiled(const std::string& text, lisp::Files* files = nullptr) {
    auto made = lisp::compile(std::make_shared<const SourceFile>("f.vfl", text), files);
    if (!made) BOOST_FAIL(render(made.error().diagnostics));
    return test::generated(test::verified(std::move(made->module)));
}

struct Records {
    std::vector<std::string> put;                            // each text that was handed over
    std::vector<std::pair<std::string, std::string>> lines;  // of each record: file, line
};

Records records_of(const Program& program) {
    Records records;
    LineRecords made(program, [&](std::string_view text) {
        records.put.emplace_back(text);
        return static_cast<uint32_t>(records.put.size() - 1);
    });
    const Bytes bytes = made.of(0, static_cast<uint32_t>(program.insns.size()));
    const auto text_at = [&](size_t at) { return records.put[load_le(bytes.data() + at, 4)]; };
    for (size_t at = 0; at < bytes.size(); at += sizeof(bpf_line_info))
        records.lines.emplace_back(text_at(at + offsetof(bpf_line_info, file_name_off)),
                                   text_at(at + offsetof(bpf_line_info, line_off)));
    return records;
}

// One of many that are no set together.
std::string test_of(int bits) { return fmt::format(" (= (& dst-port {0}) {0})", bits); }

// Hashing the line again for each record once took most of the time that compiling such a filter
// did.
BOOST_AUTO_TEST_CASE(each_line_is_handed_over_once) {
    std::string text = "(or";
    for (int bits = 1; bits <= 200; ++bits) text += test_of(bits);
    const Records one = records_of(compiled(text + ")"));
    BOOST_TEST(one.lines.size() > 200u);
    BOOST_TEST(one.put.size() == 2u);  // the file's name and the line

    std::string lines = "(or";
    for (int bits = 1; bits <= 9; ++bits) lines += "\n" + test_of(bits);
    const Records many = records_of(compiled(lines + ")"));
    BOOST_TEST(many.put.size() >= 9u);
    std::vector<std::string> distinct = many.put;
    std::ranges::sort(distinct);
    BOOST_TEST((std::ranges::adjacent_find(distinct) == distinct.end()));
}

BOOST_AUTO_TEST_CASE(a_line_stands_in_an_object_once) {
    const std::string text = "(or (= proto 6) (= proto 17) (= dst-port 80) (= src-port 80))";
    const Bytes btf = make_btf(compiled(text)).btf;
    const std::string bytes(btf.begin(), btf.end());
    const size_t first = bytes.find(text);
    BOOST_TEST(first != std::string::npos);
    BOOST_TEST(bytes.find(text, first + 1) == std::string::npos);
}

BOOST_AUTO_TEST_CASE(lines_of_an_included_file_are_its_own) {
    OneFile file("; nothing\n(define (web)\n    (= dst-port 80))\n");
    const Program program =
        compiled("(include \"web.vfl\")\n(and (web)\n     (= src-port 7))\n", &file);
    const Records records = records_of(program);
    const auto has = [&](const char* name, const char* line) {
        return std::ranges::count(records.lines, std::pair<std::string, std::string>(name, line));
    };
    BOOST_TEST(has("web.vfl", "    (= dst-port 80))") > 0);
    BOOST_TEST(has("f.vfl", "     (= src-port 7))") > 0);
    BOOST_TEST(has("f.vfl", "     (= dst-port 80))") == 0);
    const std::string listing = print_listing(program);
    BOOST_TEST(listing.contains("; web.vfl:3:     (= dst-port 80))\n"));
    BOOST_TEST(listing.contains("; f.vfl:3:      (= src-port 7))\n"));
}

}  // namespace

BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm::bpf
