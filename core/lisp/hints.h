// What a mistaken word may have meant: near names, and the habits of other languages.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace vfm::lisp {

/// drop, pass, log.
bool is_verdict(std::string_view name);

/// "did you mean `proto`?", or what VFLisp has for a word of another language; empty for nothing.
std::string hint_for_name(std::string_view name, std::span<const std::string_view> known);
std::string hint_for_operator(std::string_view name, std::span<const std::string_view> known);
/// Of a text whose outermost level goes on behind its first expression: `first` and `second` are
/// these two as they stand there.
std::string hint_for_second(std::string_view first, std::string_view second);

}  // namespace vfm::lisp
