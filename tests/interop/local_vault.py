#!/usr/bin/python3
"""Do the append-only and immutable flags, and fs-verity, keep volumes as they are on kernels that this machine does not run?

What tests/e2e/latch_test.py and verity_test.py try, on a disk with ext4 that has fs-verity, under Debian 12's own kernel and that of its backports,
booted as kernels.py does. A test that is skipped there counts as failed.
"""
import concurrent.futures
import functools
import platform

import kernels

TARGETS = "stele stele-latch stele-server".split()


def tests():
    return {f"e2e_{name}": f"/usr/bin/python3 {kernels.ROOT}/tests/e2e/{name}_test.py" for name in ("latch", "verity")}


def main():
    if platform.machine() != "x86_64":
        print(f"Debian's kernels: skipped: they are x86_64's, and this machine is {platform.machine()}")
        return
    kernels.build(TARGETS)
    look = functools.partial(kernels.test_or_skip, commands=tests, name="vault", modules=("loop", "ext4"))
    with concurrent.futures.ThreadPoolExecutor() as machines:
        for said in machines.map(look, kernels.SUITES):
            print(said, flush=True)


if __name__ == "__main__":
    main()
