"""A stand-in workload: appends records of 1 KiB to DIR/records and says each one's number when it counts as durable.

    append.py DIR SECONDS [--no-sync]      --no-sync: says it without having made it durable; must be caught
"""
import os
import sys
import time

folder, seconds = sys.argv[1], float(sys.argv[2])
fd = os.open(f"{folder}/records", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
directory = os.open(folder, os.O_RDONLY)
os.fsync(directory)
number, end = 0, time.monotonic() + seconds
while time.monotonic() < end:
    os.write(fd, f"{number:08d}".encode() * 128)
    if "--no-sync" not in sys.argv:
        os.fdatasync(fd)
    print(number, flush=True)
    number += 1
    time.sleep(0.002)
