"""Watches its standard input by select, never reading it, and tells the other end of its standard output, a socket.

Each line from there is a time limit in seconds; the answer is `readable` or `silent`.
"""

import select
import socket

with socket.socket(fileno=1) as asker:
    for line in asker.makefile("r"):
        ready, _, _ = select.select([0], [], [], float(line))
        asker.sendall(b"readable\n" if ready else b"silent\n")
