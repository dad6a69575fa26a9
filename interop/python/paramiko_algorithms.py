"""What paramiko has, from the tables of its Transport."""

import paramiko

import common


def supported():
    transport = paramiko.Transport
    return {
        "kex": list(transport._kex_info),
        "host_key": list(transport._key_info),
        "user_key": list(transport._key_info),
        "cipher": list(transport._cipher_info),
        "mac": list(transport._mac_info),
        "compression": list(transport._compression_info),
    }


def algorithms():
    return {"name": "paramiko", "version": paramiko.__version__, **common.only(supported())}


def restrict(transport, spec):
    """Sets the offers of a Transport that has not begun."""

    def offer(kind):
        return tuple(common.offer(spec, supported(), kind))

    transport._preferred_kex = offer("kex")
    transport._preferred_ciphers = offer("cipher")
    transport._preferred_macs = offer("mac")
    transport._preferred_keys = offer("host_key")
    transport._preferred_pubkeys = offer("user_key")
    transport._preferred_compression = offer("compression")
    if "rekey_bytes" in spec:
        transport.packetizer.REKEY_BYTES = spec["rekey_bytes"]


def load_key(path, passphrase=None):
    return paramiko.PKey.from_path(path, passphrase.encode() if passphrase else None)
