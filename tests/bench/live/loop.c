/* What the road through user space is measured against, written by a plain reading of libxdp's
 * documentation: takes every frame of queue 0 of an interface by an AF_XDP socket and gives all
 * back through a TAP, or drops all. No filter, no statistics but one number, no care for anything.
 *
 *   live_loop INTERFACE TAP   gives back; the TAP is there, with vnet_hdr, and leads back
 *   live_loop INTERFACE       drops
 *
 * Says `ready`; ends at SIGINT or SIGTERM and prints what it has seen. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xdp/libxdp.h>
#include <xdp/xsk.h>

enum { FRAMES = 4096, RING = 2048, BURST = 64 };

static volatile sig_atomic_t stopped;

static void stop(int signal) {
    (void)signal;
    stopped = 1;
}

static void fail(const char* what, int error) {
    fprintf(stderr, "live_loop: %s: %s\n", what, strerror(error));
    exit(3);
}

static int quiet(enum libxdp_print_level level, const char* format, va_list arguments) {
    (void)level, (void)format, (void)arguments;
    return 0;
}

static int open_tap(const char* name) {
    struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    /* not to wait is a few per cent faster: the kernel then has a shorter way to make a packet */
    int tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (tap < 0 || ioctl(tap, TUNSETIFF, &request)) fail(name, errno);
    return tap;
}

struct road {
    unsigned char* memory;
    struct xsk_umem* umem;
    struct xsk_socket* socket;
    struct xsk_ring_prod fill;
    struct xsk_ring_cons completion, rx;
};

static void open_road(struct road* road, const char* interface) {
    const size_t size = (size_t)FRAMES * XSK_UMEM__DEFAULT_FRAME_SIZE;
    road->memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (road->memory == MAP_FAILED) fail("mmap", errno);
    const struct xsk_umem_config umem = {
        .fill_size = FRAMES, .comp_size = RING, .frame_size = XSK_UMEM__DEFAULT_FRAME_SIZE};
    int error =
        xsk_umem__create(&road->umem, road->memory, size, &road->fill, &road->completion, &umem);
    if (error) fail("xsk_umem__create", -error);
    __u32 at = 0;
    xsk_ring_prod__reserve(&road->fill, FRAMES, &at);
    for (__u32 i = 0; i < FRAMES; ++i)
        *xsk_ring_prod__fill_addr(&road->fill, at + i) = (__u64)i * XSK_UMEM__DEFAULT_FRAME_SIZE;
    xsk_ring_prod__submit(&road->fill, FRAMES);
    const struct xsk_socket_config config = {.rx_size = RING, .bind_flags = XDP_USE_NEED_WAKEUP};
    /* the kernel frees a queue some time after its last socket is closed */
    for (int tries = 0; tries < 100; ++tries) {
        error =
            xsk_socket__create(&road->socket, interface, 0, road->umem, &road->rx, NULL, &config);
        if (error != -EBUSY) break;
        usleep(20000);
    }
    if (error) fail("xsk_socket__create", -error);
}

/* The frame at `data` into the stack. Before it lies the headroom of XDP, where the header that a
 * TAP with IFF_VNET_HDR wants has room: one call, no copy. */
static int give_back(int tap, unsigned char* data, size_t size) {
    const size_t header = sizeof(struct virtio_net_hdr);
    memset(data - header, 0, header);
    return write(tap, data - header, size + header) == (ssize_t)(size + header);
}

int main(int argc, char** argv) {
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: live_loop INTERFACE [TAP]\n");
        return 2;
    }
    libxdp_set_print(quiet);
    libbpf_set_print(NULL);
    const int tap = argc == 3 ? open_tap(argv[2]) : -1;
    static struct road road;
    open_road(&road, argv[1]);
    const struct sigaction action = {.sa_handler = stop};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    puts("ready");
    fflush(stdout);

    unsigned long long seen = 0, bursts = 0, lost = 0;
    struct pollfd wait = {.fd = xsk_socket__fd(road.socket), .events = POLLIN};
    while (!stopped) {
        __u32 from = 0, to = 0;
        const __u32 count = xsk_ring_cons__peek(&road.rx, BURST, &from);
        if (count == 0) {
            poll(&wait, 1, 1000);
            continue;
        }
        /* Every frame is either in this burst or in the fill ring, so there is room. */
        xsk_ring_prod__reserve(&road.fill, count, &to);
        for (__u32 i = 0; i < count; ++i) {
            const struct xdp_desc* frame = xsk_ring_cons__rx_desc(&road.rx, from + i);
            if (tap >= 0) lost += !give_back(tap, road.memory + frame->addr, frame->len);
            *xsk_ring_prod__fill_addr(&road.fill, to + i) = frame->addr;
        }
        xsk_ring_cons__release(&road.rx, count);
        xsk_ring_prod__submit(&road.fill, count);
        if (xsk_ring_prod__needs_wakeup(&road.fill))
            recvfrom(wait.fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
        seen += count;
        ++bursts;
    }
    struct xdp_statistics statistics = {0};
    socklen_t size = sizeof statistics;
    getsockopt(wait.fd, SOL_XDP, XDP_STATISTICS, &statistics, &size);
    printf("{\"seen\": %llu, \"bursts\": %llu, \"lost\": %llu}\n", seen, bursts,
           lost + statistics.rx_dropped + statistics.rx_ring_full);
    xsk_socket__delete(road.socket);
    xsk_umem__delete(road.umem);
    return 0;
}
