#!/usr/bin/env python3
"""The host and its peers notice nothing but time: each word of that is one check, an exchange
plain and the same with the filter `1` served. `words.py [WORD...]`."""
import lib_exchange
import lib_sandbox
import lib_serve
import words_host
import words_link
import words_size


def on_a_bpffs(name):
    with lib_sandbox.workplace() as path:
        lib_serve.BPFFS = f"{path}/bpf"
        return lib_exchange.check_word(name)


if __name__ == "__main__":
    assert words_host and words_link and words_size
    lib_sandbox.main([(name, lambda name=name: on_a_bpffs(name)) for name in lib_exchange.WORDS])
