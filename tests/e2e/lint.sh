#!/usr/bin/env bash
# attach prints what lint finds as warnings, and attaches.
. "$(dirname "$0")/lib.sh"

warning() { xdp attach v0 "$@" 2>&1 >/dev/null && xdp detach v0 >/dev/null; }
contains "a field at a fixed offset" "$(warning -e '(= proto 6)')" 'warning: `proto` is read at byte 23'
printf '(rules\n  (when (= tcp.dport 22) drop)\n  (default pass))\n' >"$work/ssh.vfl"
contains "a later fragment" "$(warning "$work/ssh.vfl")" "ssh.vfl:2:9: warning: rule 1 at line 2 drops"
same "nothing to say" "$(warning -e '(or (has tcp) (has arp) (has icmp6))')" ""
vflispc "$work/ssh.vfl" --module -o "$work/ssh.mod"
contains "a module says what it was made of" "$(warning "$work/ssh.mod")" "ssh.vfl:2:9: warning: rule 1"
vflispc -e '(= proto 6)' -o "$work/raw.bin"
same "bytecode does not" "$(warning "$work/raw.bin")" ""
{ echo '(rules'; seq -f '  (when (= tcp.dport %.0f) drop)' 2000; echo '  (default pass))'; } >"$work/large.vfl"
contains "a large filter" "$(warning "$work/large.vfl")" "note: not looked at for ways past it"
xdp attach v0 -e '(= proto 6)' --json 2>/dev/null | json 'j["state"]' >"$work/state"
same "attached all the same" "$(cat "$work/state")" attached
xdp detach v0 >/dev/null
