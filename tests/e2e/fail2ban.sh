#!/usr/bin/env bash
# The action of docs/fail2ban: its commands as fail2ban fills them in, then fail2ban itself, which bans who
# fails in a log, for a time and for ever. scripts/setup.sh unpacks it; nothing of it is installed.
. "$(dirname "$0")/lib.sh"
root=$here/../..
fail2ban=${VFM_FAIL2BAN:-$root/build/fail2ban}
action=$root/docs/fail2ban/vfm-xdp.conf

xdp attach v0 --mode=skb -e '(defset banned :live) (not (in ip.src @banned))' >/dev/null 2>&1
members() { xdp set list v0 banned; }

# action COMMAND IP BANTIME: one of its commands.
action() {
    python3 - "$action" "$bpffs" "$@" <<'P'
import configparser, re, subprocess, sys
path, bpffs, command, address, time = sys.argv[1:]
action = configparser.ConfigParser(interpolation=None)
action.read(path)
tags = dict(action["Init"], ip=address, bantime=time, iface="v0", options=f"--bpffs {bpffs}")
filled = re.sub("<(\\w+)>", lambda tag: tags[tag[1]], action["Definition"][command])
sys.exit(subprocess.run(["sh", "-ec", filled]).returncode)
P
}
action actioncheck 10.9.0.7 600
action actionban 10.9.0.7 600
action actionban 10.9.0.8 -1
action actionban 2001:db8::7 600
same "banned" "$(members | sed 's/; [0-9]*s/;/' | tr '\n' ' ')" "10.9.0.7 ; 10.9.0.8 2001:db8::7 ; "
action actionunban 10.9.0.7 600
action actionunban 10.9.0.99 600
same "one less" "$(members | sed 's/; [0-9]*s/;/' | tr '\n' ' ')" "10.9.0.8 2001:db8::7 ; "
xdp set load v0 banned - </dev/null

server=$fail2ban/usr/bin/fail2ban-server
if [ -e "$server" ]; then
    export PYTHONPATH=$fail2ban/usr/lib/python3/dist-packages
elif ! server=$(command -v fail2ban-server); then
    skip "the action's commands work; fail2ban is not there (scripts/setup.sh unpacks it)"
fi

conf=$work/fail2ban
mkdir -p "$conf/action.d" "$conf/filter.d"
cp "$action" "$conf/action.d/"
cat >"$conf/fail2ban.conf" <<C
[Definition]
loglevel = INFO
logtarget = $work/fail2ban.log
syslogsocket = auto
socket = $work/fail2ban.sock
pidfile = $work/fail2ban.pid
dbfile = None
dbpurgeage = 1d
dbmaxmatches = 10
C
cat >"$conf/filter.d/door.conf" <<'C'
[Definition]
failregex = ^ knocked in vain: <HOST>$
C
jail() {
    printf '%s\n' "[$1]" "enabled = true" "filter = door" "backend = polling" "logpath = $work/$1.log" "maxretry = 2" \
        "findtime = 600" "bantime = $2" "action = vfm-xdp[iface=v0, set=banned, options=\"--bpffs $bpffs\"]"
    : >"$work/$1.log"
}
{ jail hour 3600; jail ever -1; } >"$conf/jail.conf"
knock() { printf '%s knocked in vain: %s\n' "$(date '+%F %T')" "$2" >>"$work/$1.log"; }
# members_are TEXT: within some seconds.
members_are() {
    for _ in $(seq 300); do
        [ "$(members | sed 's/; [0-9]*s/;/' | tr '\n' ' ')" != "$1" ] || return 0
        sleep 0.1
    done
    cat "$work/fail2ban.log" >&2
    same "banned" "$(members | tr '\n' ' ')" "$1"
}

python3 -B "$server" -f -c "$conf" -s "$work/fail2ban.sock" -p "$work/fail2ban.pid" start >"$work/server" 2>&1 &
for _ in $(seq 300); do [ -S "$work/fail2ban.sock" ] && break; sleep 0.1; done
client() { python3 -B "${server%server}client" -c "$conf" -s "$work/fail2ban.sock" "$@"; }
for _ in $(seq 100); do client status hour >/dev/null 2>&1 && break; sleep 0.1; done
sleep 1
knock hour 10.9.0.2
knock hour 10.9.0.2
knock ever 10.9.0.3
knock ever 10.9.0.3
knock hour 10.9.0.4
members_are "10.9.0.2 ; 10.9.0.3 "
left=$(xdp set list v0 banned --json | json 'j[0]["ttl"]')
[ "$left" -gt 3500 ] && [ "$left" -le 3600 ] || fail "banned for $left seconds"
client set hour unbanip 10.9.0.2 >/dev/null
members_are "10.9.0.3 "
client set hour banip 10.9.0.5 >/dev/null
members_are "10.9.0.3 10.9.0.5 ; "
