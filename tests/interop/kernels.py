#!/usr/bin/python3
"""Are commands followed on kernels that this machine does not run? Debian 12's own, and the one of its backports.

Each is booted by qemu, in software (no virtualisation is needed), with this machine's root file system read-only under a
tmpfs: so the tests of the build in build/dev run there as they are, and may do to the machine what they like. A test that is
skipped there counts as failed, since the kernel is there to have it run.

A kernel is downloaded once, with apt's own sources and signatures, to build/interop/kernels; another time that copy
is used. To test a later one, remove it. Needs neither root nor /dev/kvm. What it prints is in tools/run_interop.py.
"""
import concurrent.futures
import os
import pathlib
import platform
import re
import shutil
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
KEPT = ROOT / "build/interop/kernels"
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
SUITES = {"bookworm": ("bookworm", "bookworm-security"), "bookworm-backports": ("bookworm-backports",)}
BIN = ROOT / "build/dev/bin"
TARGETS = "commands_test stele stele-agent stele-recorder stele-server stele-reader".split()
END_TO_END = {"commands": "", "pins": "", "coverage": "Coverage.test_a_terminal_without_a_recording_is_found_once_and_named"}
# Of commands_test: minutes, in software, of the same exec; and what software is too slow to overrun the socket for.
LEFT_OUT = {"WatchTest.thousands_in_a_row_are_all_seen_or_counted",
            "ProcessEventsTest.what_is_lost_is_counted_and_who_is_there_found_again"}
MODULES = "virtio_pci 9pnet_virtio 9p overlay".split()
PATIENCE_SECONDS = 300     # of one test for one thing: software is some ten times slower
MACHINE_SECONDS_MAX = 1500
LAST_LINES = 60            # of what a failed test or a machine that does not boot said


class Skip(Exception):
    pass


def run(*words, **kwargs):
    options = {"check": True, "stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.run([str(w) for w in words], **{**options, **kwargs}).stdout


def sources(suite):
    """Lines for apt: where this machine gets Debian from, of the suites that have this kernel."""
    listed = run("apt-get", "indextargets", "--format", "$(REPO_URI)|$(CODENAME)|$(LABEL)", "Created-By: Packages", stderr=subprocess.DEVNULL)
    places = {}
    for uri, name, label in (line.split("|") for line in listed.splitlines()):
        if label in ("Debian", "Debian-Security"):
            places[name] = uri
    if "bookworm" not in places:
        raise Skip("apt has no list of Debian 12 (bookworm)")
    places["bookworm-backports"] = places["bookworm"]
    return "".join(f"deb [signed-by={KEYS}] {places[each]} {each} main\n" for each in SUITES[suite] if each in places)


def download(suite, folder):
    """Unpacks the newest kernel of that suite into `folder`. apt's lists are our own: the machine's stay as they are."""
    lists = folder / "apt"
    lists.mkdir(parents=True)
    (lists / "sources").write_text(sources(suite))
    options = [f"-oDir::{name}={place}" for name, place in (
        ("State::lists", lists / "lists"), ("Cache", lists / "cache"), ("Etc::SourceList", lists / "sources"),
        ("Etc::SourceParts", "/dev/null"), ("Etc::PreferencesParts", "/dev/null"))]
    options += ["-oAPT::Sandbox::User=", "-oAPT::Update::Error-Mode=any", "-oAcquire::Retries=1", "-oAcquire::http::Timeout=30",
                "-oAcquire::https::Timeout=30", "-oAcquire::Languages=none"]
    for place in ("lists/partial", "cache/archives/partial"):
        (lists / place).mkdir(parents=True)
    try:
        run("apt-get", "update", *options)
        wanted = re.search(r"Depends: (linux-image-\d\S+)", run("apt-cache", "depends", "linux-image-amd64", *options))
        if not wanted:
            raise Skip(f"{suite} names no kernel")
        run("apt-get", "download", wanted[1], *options, cwd=lists)
    except subprocess.CalledProcessError as error:
        said = re.search(r"^E: (.*)", error.stdout, re.M)
        raise Skip(f"apt can not get it from {suite}: {said[1] if said else error.stdout.strip()[-200:]}") from None
    run("dpkg-deb", "-x", next(lists.glob("linux-image-*.deb")), folder)
    run("depmod", "-b", folder, release_of(folder))
    shutil.rmtree(lists)


def release_of(tree):
    (release,) = [path.name for path in (tree / "lib/modules").iterdir()]
    return release


def kernel(suite):
    """The tree of that suite's kernel, kept from before if it was whole."""
    tree, half = KEPT / suite, KEPT / f"{suite}.half"
    if not tree.exists():
        shutil.rmtree(half, ignore_errors=True)
        download(suite, half)
        half.rename(tree)
    return tree


def make_initrd(tree, scratch):
    """busybox, the modules that reach the host's files, in their order, and guest_init.sh."""
    root = scratch / "initrd"
    for place in ("bin", "dev", "proc", "sys", "modules"):
        (root / place).mkdir(parents=True)
    shutil.copy("/bin/busybox", root / "bin")
    shutil.copy(HERE / "guest_init.sh", root / "init")
    (root / "init").chmod(0o755)
    needed = []
    for name in MODULES:
        for line in run("/sbin/modprobe", "-d", tree, "-S", release_of(tree), "--show-depends", name).splitlines():
            if line.startswith("insmod ") and line.split()[1] not in needed:
                needed.append(line.split()[1])
    for number, path in enumerate(needed):
        shutil.copy(path, root / "modules" / f"{number:02}-{pathlib.Path(path).name}")
    packed = scratch / "initrd.cpio"
    names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
    with packed.open("wb") as to:
        subprocess.run(["cpio", "--quiet", "-o", "-H", "newc"], input=names.encode(), cwd=root, stdout=to, check=True)
    return packed


def unit_tests():
    """Those of commands_test. They run in a process each: who has listened to the process connector has given up the right
    to, which before 6.6 is needed."""
    names, suite = [], ""
    for line in run(BIN / "commands_test", "--gtest_list_tests").splitlines():
        if line.startswith("  "):
            names.append(suite + line.split()[0])
        else:
            suite = line.strip()
    return [name for name in names if name not in LEFT_OUT]


def commands():
    """What the machine runs, by name."""
    unit = {name: f"{BIN}/commands_test --gtest_filter={name}" for name in unit_tests()}
    return unit | {f"e2e_{name}": f"/usr/bin/python3 {ROOT}/tests/e2e/{name}_test.py {only}" for name, only in END_TO_END.items()}


def script(tests, before=()):
    """Each leaves NAME.log and, at its end, NAME.status and its seconds in `times`. Limits are those that systemd gives. `before`: what
    is run first."""
    lines = ["export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp TERM=xterm-256color LC_ALL=C.UTF-8 "
             f"STELE_TEST_PATIENCE={PATIENCE_SECONDS}", "ulimit -Hn 524288", "cd /tmp", "uname -r >/mnt/release", *before]
    for name, command in tests.items():
        lines += ["begun=$(date +%s)", f"{command} >/mnt/{name}.log 2>&1", f"echo $? >/mnt/{name}.status",
                  f"echo {name} $(($(date +%s) - begun)) >>/mnt/times"]
    return "\n".join(lines) + "\n"


def boot(tree, initrd, shared, console):
    """Until it switches itself off; what it says goes to `console`."""
    shares = []
    for tag, path, more in (("host", "/", ",readonly=on"), ("shared", shared, "")):
        shares += ["-fsdev", f"local,id={tag},path={path},security_model=none,multidevs=remap{more}",
                   "-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"]
    machine = ["qemu-system-x86_64", "-M", "pc", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "1", "-m", "2048",
               "-nographic", "-nic", "none", "-no-reboot", "-kernel", next((tree / "boot").glob("vmlinuz-*")), "-initrd", initrd,
               "-append", f"console=ttyS0 panic=-1 loglevel=3 mitigations=off TREE={ROOT}", *shares]
    with console.open("wb") as to:
        subprocess.run([str(word) for word in machine], stdin=subprocess.DEVNULL, stdout=to, stderr=subprocess.STDOUT,
                       timeout=MACHINE_SECONDS_MAX)


def end_of(path):
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    return "\n".join(f"    {line}" for line in lines[-LAST_LINES:])


def judge_one(name, shared):
    """(how many tests passed, what is wrong or nothing)."""
    log, status = shared / f"{name}.log", shared / f"{name}.status"
    if not status.exists():
        return 0, "came to no end"
    said = log.read_text(errors="replace")
    if int(status.read_text()) != 0:
        return 0, f"status {status.read_text().strip()}"
    if not name.startswith("e2e_"):
        return (1, "") if "[  PASSED  ] 1 test." in said else (0, "skipped")
    ran = re.search(r"^Ran (\d+) tests? in .*\n\n(.*)$", said, re.M)
    if not ran or int(ran[1]) == 0:
        return 0, "ran nothing"
    return (int(ran[1]), "") if ran[2] == "OK" else (0, ran[2])


def judge(tests, shared):
    """(how many tests passed, what is wrong by name)."""
    found = {name: judge_one(name, shared) for name in tests}
    return sum(count for count, _ in found.values()), {name: fault for name, (_, fault) in found.items() if fault}


def test(suite, commands=commands, name="run", modules=()):
    """What there is to say of one kernel; the verdict is the last line. `name`: of the folder that what it said is left in."""
    tree = kernel(suite)
    release = release_of(tree)
    scratch = KEPT / f"{suite}.{name}"
    shutil.rmtree(scratch, ignore_errors=True)
    shared = scratch / "shared"
    shared.mkdir(parents=True)
    tests = commands()
    (shared / "run").write_text(script(tests, [f"modprobe -d {tree} {each}" for each in modules]))
    begun = time.monotonic()
    try:
        boot(tree, make_initrd(tree, scratch), shared, scratch / "console")
    except subprocess.TimeoutExpired:
        pass  # what did not come to an end is told below
    booted = (shared / "release").read_text().strip() if (shared / "release").exists() else "nothing"
    if booted != release:
        return f"{end_of(scratch / 'console')}\n{release}: FAILED: what booted is {booted}"
    passed, faults = judge(tests, shared)
    said = "".join(f"  {release}: the end of {name}:\n{end_of(shared / f'{name}.log')}\n" for name in faults)
    if faults:
        return said + f"{release}: FAILED: " + ", ".join(f"{name} ({fault})" for name, fault in faults.items())
    return f"{release}: ok, {passed} tests, {time.monotonic() - begun:.0f} s"


def test_or_skip(suite, **how):
    try:
        return test(suite, **how)
    except Skip as reason:
        return f"{suite}: skipped: {reason}"


def build(targets=TARGETS):
    env = {**os.environ, "CCACHE_BASEDIR": str(ROOT), "CCACHE_NOHASHDIR": "1"}
    run("cmake", "--preset", "dev", "--log-level=WARNING", env=env, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=None)
    run("cmake", "--build", "build/dev", "--target", *targets, "--", "--quiet", env=env, cwd=ROOT, stdout=None, stderr=None)


def main():
    if platform.machine() != "x86_64":
        print(f"Debian's kernels: skipped: they are x86_64's, and this machine is {platform.machine()}")
        return
    build()
    with concurrent.futures.ThreadPoolExecutor() as machines:  # of one processor each
        for said in machines.map(test_or_skip, SUITES):
            print(said, flush=True)


if __name__ == "__main__":
    main()
