// The kernel's AF_XDP interface, with what Linux 6.6 has added to it: Debian 12's headers are
// of 6.1.
#pragma once

#include <linux/if_xdp.h>

#ifndef XDP_USE_SG
#define XDP_USE_SG (1 << 4)  // bind flag: frames may take several chunks
#endif
#ifndef XDP_PKT_CONTD
#define XDP_PKT_CONTD (1 << 0)  // of a descriptor: the frame goes on in the next one
#endif
