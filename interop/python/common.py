"""What the Python peers share: their command line, the test data, the summaries. See interop/README.md."""

import hashlib
import json
import os
import pathlib
import sys
import threading

# What feramiko speaks. A peer answers which of these it has; everything else it knows is of no interest here.
NAMES = json.loads((pathlib.Path(__file__).parent.parent / "algorithms.json").read_text())
NAMES["user_key"] = NAMES["host_key"]

HEAD = 4096
BLOCKS_PER_CHUNK = 32


def say(value):
    print(json.dumps(value), flush=True)


def chunks(count):
    """The first `count` bytes of the test data: block i of 1024 bytes is SHA-256 of i (eight bytes), 32 times."""
    block = 0
    while count > 0:
        data = b"".join(
            hashlib.sha256(i.to_bytes(8, "big")).digest() * 32 for i in range(block, block + BLOCKS_PER_CHUNK)
        )[:count]
        block += BLOCKS_PER_CHUNK
        count -= len(data)
        yield data


class Summary:
    """How much came, its digest, and the beginning of it."""

    def __init__(self):
        self.bytes = 0
        self.digest = hashlib.sha256()
        self.head = b""

    def add(self, data):
        self.bytes += len(data)
        self.digest.update(data)
        self.head += data[: HEAD - len(self.head)]

    def json(self):
        return {
            "bytes": self.bytes,
            "sha256": self.digest.hexdigest(),
            "text": self.head.decode("utf-8", "replace"),
        }


def only(supported):
    """Of what feramiko speaks, that which the peer has too."""
    return {kind: [name for name in NAMES[kind] if name in known] for kind, known in supported.items()}


def offer(spec, supported, kind):
    """The list that the caller wants offered; everything that both know when it names none."""
    return spec.get("offer", {}).get(kind) or only(supported)[kind]


def blob(line):
    """A public key line without its comment."""
    return " ".join(line.split()[:2])


def authorized(spec):
    path = spec.get("authorized_keys")
    if not path:
        return set()
    with open(path, encoding="utf-8") as lines:
        return {blob(line) for line in lines if line.strip()}


def die_with_parent():
    """Ends the process when standard input does: a dead parent leaves no server behind."""

    def wait():
        while os.read(0, 4096):
            pass
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


def main(algorithms, server=None, client=None):
    """`PEER algorithms`, `PEER server SPEC`, `PEER client [JOB, …]`: one JSON line for each answer."""
    mode = sys.argv[1]
    if mode == "algorithms":
        say(algorithms())
    elif mode == "server" and server:
        die_with_parent()
        server(json.loads(sys.argv[2]))
    elif mode == "client" and client:
        for job in json.loads(sys.argv[2]):
            try:
                say(client(job))
            except Exception as error:  # the caller wants every failure as an answer, whatever its type
                say({"ok": False, "error": f"{type(error).__name__}: {error}"})
    else:
        sys.exit(f"usage: {sys.argv[0]} algorithms|server|client JSON")
