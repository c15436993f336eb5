// The schema as a table says what the .proto file says: every message, every field, in its order.
#include "core/module/schema.h"

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <vector>

BOOST_AUTO_TEST_SUITE(schema_test)

using namespace vfm;

namespace {

using Texts = std::map<std::string, std::string>;  // fields of a message, one a line, by its name

std::string type_name(const FieldSchema& field) {
    switch (field.type) {
        case FieldType::bytes:
            return "bytes";
        case FieldType::fixed64:
            return "fixed64";
        case FieldType::uint32:
            return "uint32";
        case FieldType::uint64:
            return "uint64";
        case FieldType::boolean:
            return "bool";
        case FieldType::enumeration:
            return "enum";
        case FieldType::message:
            return std::string(field.message->name);
    }
    return "";
}

void write(const MessageSchema& message, Texts& texts) {
    std::string& text = texts[std::string(message.name)];
    if (!text.empty()) return;  // some stand in several
    for (const FieldSchema& field : message.fields) {
        text += field.optional ? "optional " : "";
        text += field.repeated ? "repeated " : "";
        text += type_name(field) + " " + std::string(field.name) + " = " +
                std::to_string(field.number) + "\n";
        if (field.message) write(*field.message, texts);
    }
}

std::vector<std::string> words_of(const std::string& line) {
    std::istringstream in(line.substr(0, line.find(';')));
    return {std::istream_iterator<std::string>(in), {}};
}

Texts read(std::istream& in) {
    Texts texts;
    std::map<std::string, bool> is_enum;
    std::string open;
    for (std::string line; std::getline(in, line);) {
        std::vector<std::string> words = words_of(line);
        if (words.size() == 3 && words[2] == "{") {
            open = words[0] == "message" ? words[1] : "";
            is_enum[words[1]] = words[0] == "enum";
        } else if (!open.empty() && line.contains(';') && words[0] != "//") {
            const bool optional = words[0] == "optional";
            if (optional) words.erase(words.begin());
            const bool repeated = words[0] == "repeated";
            if (repeated) words.erase(words.begin());
            BOOST_TEST_REQUIRE(words.size() == 4u, line);  // type name = number
            const std::string type = is_enum[words[0]] ? "enum" : words[0];
            texts[open] += std::string(optional ? "optional " : "") +
                           (repeated ? "repeated " : "") + type + " " + words[1] + " = " +
                           words[3] + "\n";
        }
    }
    return texts;
}

}  // namespace

BOOST_AUTO_TEST_CASE(the_table_says_what_the_schema_says) {
    std::ifstream file(VFM_SOURCE_DIR "/core/module/vfm_module.proto");
    BOOST_REQUIRE(file.good());
    Texts table;
    write(kModuleSchema, table);
    const Texts schema = read(file);
    BOOST_TEST(schema.size() == 12u);
    BOOST_TEST(table.size() == schema.size());
    for (const auto& [name, fields] : schema) {
        BOOST_TEST_INFO(name);
        BOOST_TEST(table[name] == fields);
    }
}

BOOST_AUTO_TEST_CASE(fields_are_found_by_number) {
    BOOST_TEST(kModuleSchema.find(2)->name == "code");
    BOOST_TEST(!kModuleSchema.find(0));
    BOOST_TEST(!kModuleSchema.find(12));
    BOOST_TEST(!kModuleSchema.find((uint64_t{1} << 32) + 2));
}

BOOST_AUTO_TEST_SUITE_END()
