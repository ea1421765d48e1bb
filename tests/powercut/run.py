#!/usr/bin/python3
"""Cuts the power under a program, for real, many times; asks a checker after each whether it kept its word.

    run.py --workload CMD --check CMD [--control CMD] [--cuts 25]      (without --workload: a stand-in, to test the test)

The disk is a FUSE file that logs writes and flushes (logged_disk.c), under a loop device and ext4. The workload runs on it
once and prints a line, on a pipe outside that disk, for each thing it acknowledges. Then, for each cut: a point of the
log is drawn; what was written before the last flush ahead of it is on the disk, of each later write all, none or the
first sectors; that image is mounted (ext4 replays its journal) and the checker asked.

  {dir}    in both commands: a folder on that disk
  {acked}  in --check: a file with the lines acknowledged before the cut; exit 0 says that all is as it must be

--control is a workload that acknowledges too early: unless the checker catches it at least once, in three runs of it, this test is blind.
Needs root, /dev/fuse and loop devices: exits 77 where they are missing. Exit 1: a promise was broken, or the control passed.
"""
import argparse
import bisect
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"
SKIPPED = 77
FLUSH = 2**64 - 1
SECTOR = 512
STAND_IN = {"workload": f"{PYTHON} {HERE}/append.py {{dir}} 3", "check": f"{PYTHON} {HERE}/check_append.py {{dir}} {{acked}}",
            "control": f"{PYTHON} {HERE}/append.py {{dir}} 3 --no-sync"}
CONTROLS_MAX = 3  # on a machine that is busy with others little is in flight, and a cut may hit nothing


def run(*words, **kwargs):
    return subprocess.run(list(map(str, words)), check=True, stdin=subprocess.DEVNULL, **kwargs)


def fill_in(command, **values):
    for key, value in values.items():
        command = command.replace("{" + key + "}", str(value))
    return ["sh", "-c", command]


def build(folder):
    program = folder / "logged_disk"
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "fuse3"], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    run("gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", program, HERE / "logged_disk.c", *flags)
    return program


def kill_all(group):
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass


class Mounted:
    """A file with a file system, mounted by a loop device."""

    def __init__(self, image, point):
        point.mkdir(exist_ok=True)
        run("mount", "-o", "loop", image, point, stderr=subprocess.DEVNULL)
        self.point = point

    def __enter__(self):
        return self.point

    def __exit__(self, *_):
        for _ in range(50):  # whoever was killed here may need a moment to let go
            if subprocess.run(["umount", self.point], stderr=subprocess.DEVNULL).returncode == 0:
                return
            time.sleep(0.1)
        run("umount", self.point)


class LoggedDisk:
    def __init__(self, program, folder, size):
        self.log, self.point = folder / "log", folder / "fuse"
        self.point.mkdir()
        self.words = folder / "words"  # libfuse 3.14 warns of its own default
        with open(self.words, "wb") as words:
            self.process = subprocess.Popen([program, self.log, str(size), self.point], stdin=subprocess.DEVNULL, stderr=words)
        self.image = self.point / "disk"
        end = time.monotonic() + 10
        while not self.image.exists():
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the logged disk did not start: {self.words.read_text()}")
            time.sleep(0.01)

    def position(self):
        return os.stat(self.log).st_size

    def close(self):
        subprocess.run(["fusermount3", "-u", "-z", self.point], stderr=subprocess.DEVNULL)
        self.process.wait(20)


def record(program, folder, size, workload, seconds_max):
    """Runs the workload once: (the log, its position when the workload began, [(position, line) of each acknowledgement])."""
    disk = LoggedDisk(program, folder, size)
    try:
        run("mkfs.ext4", "-q", "-F", disk.image)
        with Mounted(disk.image, folder / "live") as live:
            run("sync", "-f", live)
            begun, acknowledged = disk.position(), []
            child = subprocess.Popen(fill_in(workload, dir=live), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True)
            timer = threading.Timer(seconds_max, kill_all, [child.pid])
            timer.start()
            # Whatever it acknowledged stands before the log's end as it is when the line has come.
            for line in child.stdout:
                acknowledged.append((disk.position(), line.rstrip("\n")))
            child.wait()
            timer.cancel()
            kill_all(child.pid)
            if child.returncode not in (0, -signal.SIGKILL):
                raise RuntimeError(f"the workload failed: exit {child.returncode}")
            end = disk.position()  # what unmounting writes comes after this and is no power cut
        return disk.log.read_bytes()[:end], begun, acknowledged
    finally:
        disk.close()


def parse(log):
    """[(offset, data, end position in the log)]"""
    records, at = [], 0
    while at + 16 <= len(log):
        offset, size = struct.unpack_from("=QQ", log, at)
        if at + 16 + size > len(log):
            break
        records.append((offset, log[at + 16:at + 16 + size], at + 16 + size))
        at += 16 + size
    return records


class Replay:
    """Images of the disk after cuts at rising positions of the log."""

    def __init__(self, records, size):
        self.records, self.durable, self.done = records, bytearray(size), 0
        self.flushes = [i for i, r in enumerate(records) if r[0] == FLUSH]

    def image_after(self, cut, rng):
        """The disk when power fails after `cut` records: (image, how many writes were at stake)."""
        flushed = self.flushes[bisect.bisect_left(self.flushes, cut) - 1] if self.flushes and self.flushes[0] < cut else 0
        for offset, data, _ in self.records[self.done:flushed]:
            if offset != FLUSH:
                self.durable[offset:offset + len(data)] = data
        self.done = max(self.done, flushed)
        image, at_stake = bytearray(self.durable), 0
        for offset, data, _ in self.records[flushed:cut]:
            if offset == FLUSH:
                continue
            at_stake += 1
            fate = rng.random()
            if fate < 0.35:
                data = b""
            elif fate < 0.5:
                data = data[:SECTOR * rng.randint(0, len(data) // SECTOR)]
            image[offset:offset + len(data)] = data
        return image, at_stake


def cut_power(folder, recorded, size, check, cuts, seed):
    """How many of the cuts broke a promise."""
    log, begun, acknowledged = recorded
    records, rng, broken = parse(log), random.Random(seed), 0
    if not acknowledged or len(records) < 2 or records[-1][2] <= begun:
        raise RuntimeError("the workload wrote nothing, or acknowledged nothing: there is nothing to cut")
    # One cut in four comes while the workload is still beginning, or at any other time; the others after its first word.
    first, promised = (min(len(records) - 1, sum(r[2] <= position for r in records)) for position in (begun, acknowledged[0][0]))
    points = sorted(rng.randint((first if n % 4 == 0 else promised) + 1, len(records)) for n in range(cuts))
    replay, acked_path = Replay(records, size), folder / "acked"
    for number, cut in enumerate(points):
        image, at_stake = replay.image_after(cut, rng)
        # Each a file of its own: a loop device that somebody still looks at would show the image of the cut before.
        image_path = folder / f"cut-{number}.img"
        image_path.write_bytes(image)
        must = [line for position, line in acknowledged if position <= records[cut - 1][2]]
        acked_path.write_text("".join(line + "\n" for line in must))
        try:
            with Mounted(image_path, folder / "after") as after:
                done = subprocess.run(fill_in(check, dir=after, acked=acked_path), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True)
            said = done.stdout.strip()[-300:] if done.returncode else ""
            failed = done.returncode != 0
        except subprocess.CalledProcessError:
            said, failed = "the file system does not mount, or does not unmount", True
        image_path.unlink()
        broken += failed
        print(f"  cut after {cut:6d} of {len(records)} requests, {at_stake:4d} writes at stake, {len(must):5d} acknowledged: "
              f"{'BROKEN: ' + said if failed else 'kept'}", flush=True)
    return broken


def campaign(a, program, name, workload):
    """Records one workload and cuts it; how many promises broke."""
    size = a.mb << 20
    with tempfile.TemporaryDirectory(prefix="powercut-") as folder:
        folder = pathlib.Path(folder)
        recorded = record(program, folder, size, workload, a.seconds_max)
        print(f"{name}: {len(recorded[0]) / 1e6:.1f} MB of requests, {len(recorded[2])} acknowledgements", flush=True)
        return cut_power(folder, recorded, size, a.check, a.cuts, a.seed)


def missing():
    if os.geteuid() != 0:
        return "root"
    if lacking := next((p for p in ("gcc", "pkg-config", "mkfs.ext4", "fusermount3", "losetup") if not shutil.which(p)), None):
        return lacking
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
    except OSError as error:
        return f"/dev/fuse: {error.strerror}"
    if subprocess.run(["losetup", "--find"], stdin=subprocess.DEVNULL, capture_output=True).returncode:
        return "loop devices"
    return None


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--workload")
    ap.add_argument("--check")
    ap.add_argument("--control")
    ap.add_argument("--cuts", type=int, default=25)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--mb", type=int, default=64, help="size of the disk")
    ap.add_argument("--seconds-max", type=float, default=120, help="a workload that runs longer is killed; that is no failure")
    a = ap.parse_args()
    if bool(a.workload) != bool(a.check):
        ap.error("--workload and --check come together")
    if lacking := missing():
        print(f"power cuts cannot be tried here: no {lacking}")
        return SKIPPED
    if not a.workload:
        a.workload, a.check, a.control = STAND_IN["workload"], STAND_IN["check"], STAND_IN["control"]
    with tempfile.TemporaryDirectory(prefix="powercut-") as folder:
        program = build(pathlib.Path(folder))
        broken = campaign(a, program, "workload", a.workload)
        caught, controls = None, 0
        while a.control and not caught and controls < CONTROLS_MAX:
            caught, controls = campaign(a, program, "control", a.control), controls + 1
    print(f"{a.cuts} cuts: {broken} promises broken" + (f"; control: caught in {caught} of {a.cuts * controls} cuts" if a.control else ""))
    return int(broken > 0 or caught == 0)


if __name__ == "__main__":
    sys.exit(main())
