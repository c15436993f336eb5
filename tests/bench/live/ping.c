/* UDP ping-pong, its two ends:
 *
 *   live_ping serve ADDRESS PORT       answers every datagram with itself until SIGTERM
 *   live_ping ask ADDRESS PORT COUNT   prints the times from sending to answer, in ns, one a line
 *
 * An answer that is a second late is lost and prints nothing; after ten such it ends. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { PAUSE_US = 200, MOST_LOST = 10 };

static void fail(const char* what) {
    fprintf(stderr, "live_ping: %s: %s\n", what, strerror(errno));
    exit(3);
}

static unsigned long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (unsigned long long)time.tv_sec * 1000000000 + (unsigned long long)time.tv_nsec;
}

static void serve(int fd) {
    for (;;) {
        char bytes[64];
        struct sockaddr_in from;
        socklen_t length = sizeof from;
        const ssize_t size = recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr*)&from, &length);
        if (size < 0) fail("recvfrom");
        if (sendto(fd, bytes, (size_t)size, 0, (struct sockaddr*)&from, length) < 0) fail("sendto");
    }
}

static void ask(int fd, unsigned long count) {
    const struct timeval patience = {.tv_sec = 1};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    int lost = 0;
    for (unsigned long i = 0; i < count && lost < MOST_LOST; ++i) {
        unsigned long answer = count;
        const unsigned long long sent = now();
        if (send(fd, &i, sizeof i, 0) < 0) fail("send");
        /* answers to earlier questions, given up, may still come */
        while (recv(fd, &answer, sizeof answer, 0) > 0 && answer != i) continue;
        const unsigned long long came = now();
        if (answer == i)
            printf("%llu\n", came - sent);
        else
            ++lost;
        usleep(PAUSE_US);
    }
}

int main(int argc, char** argv) {
    const int serves = argc == 4 && strcmp(argv[1], "serve") == 0;
    if (!serves && !(argc == 5 && strcmp(argv[1], "ask") == 0)) {
        fprintf(stderr, "usage: live_ping serve ADDRESS PORT | ask ADDRESS PORT COUNT\n");
        return 2;
    }
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((in_port_t)strtoul(argv[3], NULL, 10))};
    if (inet_pton(AF_INET, argv[2], &address.sin_addr) != 1) fail(argv[2]);
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) fail("socket");
    if ((serves ? bind : connect)(fd, (struct sockaddr*)&address, sizeof address)) fail(argv[2]);
    if (serves) {
        puts("ready");
        fflush(stdout);
        serve(fd);
    }
    ask(fd, strtoul(argv[4], NULL, 10));
    return 0;
}
