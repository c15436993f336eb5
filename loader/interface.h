// Network interfaces of this network namespace, and which namespace that is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/result.h"

namespace vfm {

struct Interface {
    std::string name;
    uint32_t index = 0;
    uint32_t mtu = 0;  ///< bytes behind the Ethernet header; 0 if not known
};

/// By its name or an alternative one. Fails with Status::refused if there is none (with the nearest
/// name) or if its frames have no Ethernet header.
Result<Interface> find_interface(const std::string& given);

/// The name of the interface that has this one or has it as an alternative; itself if none has.
std::string main_name(const std::string& name);

/// Its present name; nothing if this namespace has no such index.
std::optional<std::string> interface_name(uint32_t index);

/// A number that no other network namespace has had since boot. Kernels before 5.14 have none;
/// there it is the inode of the namespace, which can be used again after the namespace is gone.
/// Fails with Status::refused where the system has no socket left to ask with.
Result<uint64_t> network_namespace();

}  // namespace vfm
