// A module as the protobuf message that stands on disk, and back. Of this room alone: the message's
// type is protobuf's.
#pragma once

#include <core/module/vfm_module.pb.h>

#include <optional>
#include <string>

#include "core/module/module.h"

namespace vfm {

/// Every module can be a message; only those without a declaration fault come back the same.
file::Module to_message(const Module& module);

/// Fills `module`. The reason where the message's columns do not fit each other, or say something
/// in a longer way than needed; whether the declarations make sense is not looked at.
std::optional<std::string> from_message(const file::Module& message, Module& module);

}  // namespace vfm
