"""What asyncssh has, as it says itself."""

import asyncssh
from asyncssh.compression import get_compression_algs
from asyncssh.encryption import get_encryption_algs
from asyncssh.kex import get_kex_algs
from asyncssh.mac import get_mac_algs
from asyncssh.public_key import get_public_key_algs

import common


def supported():
    def names(algorithms):
        return [name.decode() for name in algorithms]

    keys = names(get_public_key_algs())
    return {
        "kex": names(get_kex_algs()),
        "host_key": keys,
        "user_key": keys,
        "cipher": names(get_encryption_algs()),
        "mac": names(get_mac_algs()),
        "compression": names(get_compression_algs()),
    }


def algorithms():
    return {"name": "asyncssh", "version": asyncssh.__version__, **common.only(supported())}


def options(spec):
    """The keyword arguments that client and server have in common."""

    def offer(kind):
        return common.offer(spec, supported(), kind)

    result = {
        "kex_algs": offer("kex"),
        "encryption_algs": offer("cipher"),
        "mac_algs": offer("mac"),
        "compression_algs": offer("compression"),
        "signature_algs": offer("user_key"),
        "config": None,
    }
    if "rekey_bytes" in spec:
        result["rekey_bytes"] = spec["rekey_bytes"]
    return result
