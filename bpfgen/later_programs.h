// Programs that follow each other, as one and taken apart.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "bpfgen/object.h"

namespace vfm::bpf {

inline size_t count_programs(const Program& program) { return 1 + program.later.size(); }

/// One of them by itself: the first is number 0. Maps, sources and names of units are those of all;
/// constants are there if it reads any.
Program program_at(const Program& program, size_t number);

/// All of them by themselves, without a copy where there is one; `made` holds the others.
std::span<const Program> programs_apart(const Program& program, std::vector<Program>& made);

/// Programs as translated, in the order in which packets come to them, whose maps are each also
/// those of the programs before: one program with later ones.
Program join(std::vector<Program> programs);

/// A function: a program, or what one calls. Programs stand in one section of an object, what they
/// call in another.
struct FunctionPlace {
    const std::string* name;
    uint32_t from = 0, to = 0;  ///< its instructions
    bool called = false;
    uint32_t at = 0;        ///< where in its section it begins, in instructions
    size_t parameters = 0;  ///< of what is called
    bool is_round = false;  ///< see Subprogram
};

/// Ascending by instruction.
std::vector<FunctionPlace> functions_of(const Program& program);

}  // namespace vfm::bpf
