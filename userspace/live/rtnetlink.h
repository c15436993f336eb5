// The little of rtnetlink that a helper interface needs: one request, one answer.
#pragma once

#include <linux/netlink.h>

#include <expected>
#include <string>
#include <string_view>

#include "core/base/bytes.h"

namespace vfm {

/// A request in the making.
class NetlinkRequest {
  public:
    /// `header` is the structure that requests of this type begin with (ifinfomsg, tcmsg).
    template <class Header>
    NetlinkRequest(uint16_t type, unsigned flags, const Header& header)
        : NetlinkRequest(type, flags, &header, sizeof header) {}

    void put(unsigned type, const void* data, size_t size);
    void put(unsigned type, uint8_t value) { put(type, &value, sizeof value); }
    void put(unsigned type, uint32_t value) { put(type, &value, sizeof value); }
    /// With the zero that the kernel wants behind it.
    void put(unsigned type, std::string_view text);
    /// What is put before close() of what open() returned is inside the attribute.
    size_t open(unsigned type);
    void close(size_t opened);

    /// Ready to be sent.
    ByteView bytes();

  private:
    NetlinkRequest(uint16_t type, unsigned flags, const void* header, size_t size);
    Bytes bytes_;
};

struct NetlinkError {
    int error = 0;     ///< an errno, positive
    std::string text;  ///< the kernel's own words where it has some, otherwise the errno's
};

/// An attribute of `type` among `attributes`: its payload, empty if there is none.
ByteView find_attribute(ByteView attributes, unsigned type);

/// A socket of the network namespace that its maker was in. For one thread at a time.
class NetlinkSocket {
  public:
    static std::expected<NetlinkSocket, NetlinkError> open();
    NetlinkSocket(NetlinkSocket&& other) noexcept;
    NetlinkSocket& operator=(NetlinkSocket&& other) noexcept;
    ~NetlinkSocket();

    /// Sends and waits: what the answer carries behind its nlmsghdr, nothing for a bare yes.
    std::expected<Bytes, NetlinkError> ask(NetlinkRequest& request);

  private:
    explicit NetlinkSocket(int fd) : fd_(fd) {}
    int fd_;
    uint32_t sequence_ = 0;
};

}  // namespace vfm
