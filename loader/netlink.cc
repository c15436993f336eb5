#include "loader/netlink.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include "core/base/fd.h"

namespace vfm {

Bytes ask_route(uint16_t type, ByteView body, size_t head) {
    const Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    nlmsghdr message{};
    message.nlmsg_len = static_cast<uint32_t>(sizeof message + body.size());
    message.nlmsg_type = type;
    message.nlmsg_flags = NLM_F_REQUEST;
    Bytes request(sizeof message);
    std::memcpy(request.data(), &message, sizeof message);
    request.insert(request.end(), body.begin(), body.end());
    if (send(socket.get(), request.data(), request.size(), 0) < 0) return {};
    std::array<uint8_t, 32768> reply;
    const ssize_t got = recv(socket.get(), reply.data(), reply.size(), 0);
    if (got < static_cast<ssize_t>(sizeof message + head)) return {};
    std::memcpy(&message, reply.data(), sizeof message);
    if (message.nlmsg_type == NLMSG_ERROR || message.nlmsg_len > static_cast<size_t>(got))
        return {};
    return {reply.begin() + sizeof message + static_cast<ptrdiff_t>(head),
            reply.begin() + message.nlmsg_len};
}

}  // namespace vfm
