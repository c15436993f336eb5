// The schema as a table says what the .proto file says: every message, every field, in its order.
#include "core/module/schema.h"

#include <boost/test/unit_test.hpp>
#include <fstream>
#include <map>
#include <regex>
#include <string>

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
        case FieldType::enumeration:
            return "enum";
        case FieldType::message:
            return std::string(field.message->name);
    }
    return "";
}

void write(const MessageSchema& message, Texts& texts) {
    std::string& text = texts[std::string(message.name)];
    for (const FieldSchema& field : message.fields) {
        text += field.repeated ? "repeated " : "";
        text += type_name(field) + " " + std::string(field.name) + " = " +
                std::to_string(field.number) + "\n";
        if (field.message) write(*field.message, texts);
    }
}

Texts read(std::istream& in) {
    static const std::regex begin(R"((message|enum) (\w+) \{)");
    static const std::regex member(R"( *(optional )?(repeated )?(\w+) (\w+) = (\d+);.*)");
    Texts texts;
    std::map<std::string, bool> is_enum;
    std::string open;
    std::smatch match;
    for (std::string line; std::getline(in, line);) {
        if (std::regex_match(line, match, begin)) {
            open = match[1] == "message" ? match[2].str() : "";
            is_enum[match[2]] = match[1] == "enum";
        } else if (!open.empty() && std::regex_match(line, match, member)) {
            const std::string type = is_enum[match[3]] ? "enum" : match[3].str();
            texts[open] +=
                match[2].str() + type + " " + match[4].str() + " = " + match[5].str() + "\n";
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
    BOOST_TEST(schema.size() == 8u);
    BOOST_TEST(table.size() == schema.size());
    for (const auto& [name, fields] : schema) {
        BOOST_TEST_INFO(name);
        BOOST_TEST(table[name] == fields);
    }
}

BOOST_AUTO_TEST_CASE(fields_are_found_by_number) {
    BOOST_TEST(kModuleSchema.find(2)->name == "code");
    BOOST_TEST(!kModuleSchema.find(0));
    BOOST_TEST(!kModuleSchema.find(9));
    BOOST_TEST(!kModuleSchema.find((uint64_t{1} << 32) + 2));
}
