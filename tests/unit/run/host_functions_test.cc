// Imports against registered host functions: what is taken, what is refused and in which words.
#include "core/run/host_functions.h"

#include <boost/test/unit_test.hpp>

namespace vfm {
BOOST_AUTO_TEST_SUITE(host_functions_test)

namespace {

uint64_t one(void*, const uint64_t*) { return 1; }
uint64_t two(void*, const uint64_t*) { return 2; }

/// LEN LEN CALL 0 POP LEN CALL 1 RET: imports of two and of one argument.
VerifiedModule program(std::vector<ImportDecl> imports) {
    Module module;
    module.imports = std::move(imports);
    module.source_name = "x.vfm";
    encode(module.code, Opcode::LEN);
    encode(module.code, Opcode::LEN);
    encode(module.code, Opcode::CALL, 0);
    encode(module.code, Opcode::POP);
    encode(module.code, Opcode::LEN);
    encode(module.code, Opcode::CALL, 1);
    encode(module.code, Opcode::RET);
    auto verified = verify(std::move(module));
    if (!verified) BOOST_FAIL(verified.error().reason);
    return *std::move(verified);
}

const std::vector<ImportDecl> kImports = {{"mix", 2}, {"score", 1}};

std::string refusal(const std::vector<ImportDecl>& imports,
                    const std::vector<HostFunction>& registered) {
    const auto matched = match_host_functions(program(imports), registered);
    BOOST_REQUIRE(!matched);
    BOOST_TEST(int(matched.error().status) == int(Status::refused));
    return render(matched.error().diagnostics);
}

BOOST_AUTO_TEST_CASE(functions_come_in_the_order_of_the_imports) {
    int user = 0;
    const std::vector<HostFunction> registered = {
        {"other", 2, one, nullptr}, {"score", 1, two, &user}, {"mix", 2, one, nullptr}};
    const auto matched = match_host_functions(program(kImports), registered);
    BOOST_REQUIRE(matched);
    BOOST_REQUIRE_EQUAL(matched->size(), 2u);
    BOOST_TEST((*matched)[0].name == "mix");
    BOOST_TEST((*matched)[0].function == one);
    BOOST_TEST((*matched)[1].function == two);
    BOOST_TEST((*matched)[1].user == &user);
}

BOOST_AUTO_TEST_CASE(one_name_may_stand_for_several_arities) {
    const std::vector<HostFunction> registered = {
        {"f", 1, one, nullptr}, {"f", 2, two, nullptr}, {"f", 2, one, nullptr}};
    const auto matched = match_host_functions(program({{"f", 2}, {"f", 1}}), registered);
    BOOST_REQUIRE(matched);
    BOOST_TEST((*matched)[0].function == two);
    BOOST_TEST((*matched)[1].function == one);
}

BOOST_AUTO_TEST_CASE(a_missing_function_is_named_at_its_first_call) {
    BOOST_TEST(refusal(kImports, {{"mix", 2, one, nullptr}}) ==
               "x.vfm:+0x7: error: there is no host function 'score'\n");
    BOOST_TEST(refusal(kImports, {{"mix", 2, nullptr, nullptr}, {"score", 1, one, nullptr}}) ==
               "x.vfm:+0x2: error: there is no host function 'mix'\n");
}

BOOST_AUTO_TEST_CASE(a_wrong_arity_is_named_at_its_first_call) {
    BOOST_TEST(refusal(kImports, {{"mix", 1, one, nullptr}, {"score", 1, one, nullptr}}) ==
               "x.vfm:+0x2: error: the host function 'mix' takes 1 argument, the program gives it "
               "2\n");
    BOOST_TEST(refusal(kImports, {{"mix", 2, one, nullptr}, {"score", 0, one, nullptr}}) ==
               "x.vfm:+0x7: error: the host function 'score' takes 0 arguments, the program gives "
               "it 1\n");
}

BOOST_AUTO_TEST_CASE(an_import_that_is_never_called_must_be_there_too) {
    std::vector<ImportDecl> imports = kImports;
    imports.push_back({"unused\n", 0});
    BOOST_TEST(refusal(imports, {{"mix", 2, one, nullptr}, {"score", 1, one, nullptr}}) ==
               "x.vfm: error: there is no host function 'unused\\x0a'\n");
}

}  // namespace
BOOST_AUTO_TEST_SUITE_END()
}  // namespace vfm
