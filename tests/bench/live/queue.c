/* iptables' road through user space with a trivial program: live_queue NUMBER accept|drop gives
 * every packet of an NFQUEUE the same verdict. Says `ready`; ends at SIGINT or SIGTERM and prints
 * how many. */
#include <arpa/inet.h>
#include <errno.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { QUEUED = 8192, RECEIVE_BUFFER = 64 << 20 };

static volatile sig_atomic_t stopped;
static unsigned long long seen;

static void stop(int signal) {
    (void)signal;
    stopped = 1;
}

static void fail(const char* what) {
    fprintf(stderr, "live_queue: %s: %s\n", what, strerror(errno));
    exit(3);
}

static int decide(struct nfq_q_handle* queue, struct nfgenmsg* message, struct nfq_data* packet,
                  void* verdict) {
    (void)message;
    const struct nfqnl_msg_packet_hdr* header = nfq_get_msg_packet_hdr(packet);
    ++seen;
    return nfq_set_verdict(queue, ntohl(header->packet_id), *(__u32*)verdict, 0, NULL);
}

int main(int argc, char** argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: live_queue NUMBER accept|drop\n");
        return 2;
    }
    __u32 verdict = strcmp(argv[2], "drop") == 0 ? NF_DROP : NF_ACCEPT;
    struct nfq_handle* handle = nfq_open();
    if (!handle) fail("nfq_open");
    struct nfq_q_handle* queue =
        nfq_create_queue(handle, (__u16)strtoul(argv[1], NULL, 10), decide, &verdict);
    if (!queue) fail("nfq_create_queue");
    if (nfq_set_mode(queue, NFQNL_COPY_PACKET, 0xFFFF)) fail("nfq_set_mode");
    if (nfq_set_queue_maxlen(queue, QUEUED)) fail("nfq_set_queue_maxlen");
    const int fd = nfq_fd(handle), size = RECEIVE_BUFFER;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size)) fail("SO_RCVBUFFORCE");
    const struct sigaction action = {.sa_handler = stop};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    puts("ready");
    fflush(stdout);

    static char message[0x10000 + 4096] __attribute__((aligned(8)));
    unsigned long long lost = 0;
    while (!stopped) {
        const ssize_t bytes = recv(fd, message, sizeof message, 0);
        if (bytes >= 0)
            nfq_handle_packet(handle, message, (int)bytes);
        else if (errno == ENOBUFS)
            ++lost;
        else if (errno != EINTR)
            fail("recv");
    }
    printf("{\"seen\": %llu, \"overruns\": %llu}\n", seen, lost);
    nfq_destroy_queue(queue);
    nfq_close(handle);
    return 0;
}
