/* What no host can be without: resolution of addresses, DHCP's answers, errors. */
#ifndef VFM_TESTS_TWINS_LINKS_H
#define VFM_TESTS_TWINS_LINKS_H

#include "tests/twins/twin.h"

/* Errors, neighbour discovery and multicast reports. */
ALWAYS _Bool is_wanted_icmp6(const struct packet* p) {
    struct icmp* icmp6 = icmp6_of(p);
    __u8 type;

    if (!icmp6) return 0;
    type = icmp6->type;
    return (type >= 1 && type <= 4) || (type >= 130 && type <= 136) || type == 143;
}

/* Unreachable and time exceeded. */
ALWAYS _Bool is_icmp_error(const struct packet* p) {
    struct icmp* icmp = icmp_of(p);
    return icmp && (icmp->type == 3 || icmp->type == 11);
}

#endif
