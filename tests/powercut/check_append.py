"""Whether DIR/records holds, whole, every record whose number is a line of the file ACKNOWLEDGED.

    check_append.py DIR ACKNOWLEDGED
"""
import pathlib
import sys

folder, acknowledged = sys.argv[1:3]
numbers = pathlib.Path(acknowledged).read_text().split()
records = pathlib.Path(folder, "records")
data = records.read_bytes() if records.exists() else b""
have = 0
while data[have * 1024:(have + 1) * 1024] == f"{have:08d}".encode() * 128:
    have += 1
if have < len(numbers):
    sys.exit(f"{len(numbers)} records were acknowledged, {have} are there")
