#include "userspace/live/rtnetlink.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace vfm {
namespace {

size_t aligned(size_t size) { return (size + 3) / 4 * 4; }

NetlinkError error_of(int error) { return {error, std::strerror(error)}; }

/// The errno and the extended text of an NLMSG_ERROR; `body` is what is behind its nlmsghdr.
NetlinkError error_of(ByteView body, unsigned flags) {
    nlmsgerr said;
    if (body.size() < sizeof said) return error_of(EPROTO);
    std::memcpy(&said, body.data(), sizeof said);
    NetlinkError error = error_of(-said.error);
    const size_t echoed = (flags & NLM_F_CAPPED) != 0 ? sizeof said.msg : said.msg.nlmsg_len;
    const size_t behind = sizeof said.error + aligned(echoed);
    if ((flags & NLM_F_ACK_TLVS) == 0 || behind > body.size()) return error;
    const ByteView text = find_attribute(body.subspan(behind), NLMSGERR_ATTR_MSG);
    if (!text.empty())
        error.text = std::string(reinterpret_cast<const char*>(text.data()),
                                 strnlen(reinterpret_cast<const char*>(text.data()), text.size()));
    return error;
}

}  // namespace

NetlinkRequest::NetlinkRequest(uint16_t type, unsigned flags, const void* header, size_t size)
    : bytes_(sizeof(nlmsghdr) + aligned(size)) {
    nlmsghdr message{};
    message.nlmsg_type = type;
    message.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
    std::memcpy(bytes_.data(), &message, sizeof message);
    std::memcpy(bytes_.data() + sizeof message, header, size);
}

void NetlinkRequest::put(unsigned type, const void* data, size_t size) {
    const size_t begin = open(type);
    const auto* from = static_cast<const uint8_t*>(data);
    bytes_.insert(bytes_.end(), from, from + size);
    close(begin);
}

void NetlinkRequest::put(unsigned type, std::string_view text) {
    put(type, std::string(text).c_str(), text.size() + 1);
}

size_t NetlinkRequest::open(unsigned type) {
    const size_t begin = bytes_.size();
    append_le(bytes_, 0, 2);
    append_le(bytes_, type, 2);
    return begin;
}

void NetlinkRequest::close(size_t opened) {
    const auto size = static_cast<uint16_t>(bytes_.size() - opened);
    std::memcpy(bytes_.data() + opened, &size, sizeof size);
    bytes_.resize(aligned(bytes_.size()));
}

ByteView NetlinkRequest::bytes() {
    const auto size = static_cast<uint32_t>(bytes_.size());
    std::memcpy(bytes_.data(), &size, sizeof size);
    return bytes_;
}

ByteView find_attribute(ByteView attributes, unsigned type) {
    while (attributes.size() >= 4) {
        const size_t size = load_le<uint16_t>(attributes.data());
        if (size < 4 || size > attributes.size()) break;
        if ((load_le<uint16_t>(attributes.data() + 2) & NLA_TYPE_MASK) == type)
            return attributes.subspan(4, size - 4);
        attributes = attributes.subspan(std::min(aligned(size), attributes.size()));
    }
    return {};
}

std::expected<NetlinkSocket, NetlinkError> NetlinkSocket::open() {
    NetlinkSocket made(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    if (made.fd_ < 0) return std::unexpected(error_of(errno));
    const int one = 1;
    // Old kernels have no words of their own: not needed.
    (void)setsockopt(made.fd_, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof one);
    return made;
}

NetlinkSocket::NetlinkSocket(NetlinkSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), sequence_(other.sequence_) {}

NetlinkSocket& NetlinkSocket::operator=(NetlinkSocket&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(sequence_, other.sequence_);
    return *this;
}

NetlinkSocket::~NetlinkSocket() {
    if (fd_ >= 0) ::close(fd_);
}

std::expected<Bytes, NetlinkError> NetlinkSocket::ask(NetlinkRequest& request) {
    const ByteView view = request.bytes();
    Bytes bytes(view.begin(), view.end());
    const uint32_t sequence = ++sequence_;
    std::memcpy(bytes.data() + offsetof(nlmsghdr, nlmsg_seq), &sequence, sizeof sequence);
    ssize_t size;
    while ((size = send(fd_, bytes.data(), bytes.size(), 0)) < 0 && errno == EINTR) {
    }
    if (size < 0) return std::unexpected(error_of(errno));
    Bytes answer(32768);
    for (;;) {
        size = recv(fd_, answer.data(), answer.size(), 0);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return std::unexpected(error_of(errno));
        nlmsghdr header;
        if (static_cast<size_t>(size) < sizeof header) continue;
        std::memcpy(&header, answer.data(), sizeof header);
        if (header.nlmsg_seq != sequence || header.nlmsg_len > static_cast<size_t>(size) ||
            header.nlmsg_len < sizeof header)
            continue;
        const ByteView body(answer.data() + sizeof header, header.nlmsg_len - sizeof header);
        if (header.nlmsg_type != NLMSG_ERROR) return Bytes(body.begin(), body.end());
        const NetlinkError error = error_of(body, header.nlmsg_flags);
        if (error.error != 0) return std::unexpected(error);
        return Bytes();
    }
}

}  // namespace vfm
