#!/usr/bin/python3
"""Holds the walls between the folders of src/ (ARCHITECTURE.md).

    tools/check_layers.py [ROOT]        prints one line per fault; exit 1 if there is any

The rules, in the order of check():
  order       a folder includes only itself and folders above it; siblings leave each other alone; `latch`, `recorder`, `sudo_plugin` and `pam` have lists of their own
  pure        event, terminal, segment, merkle, receipt, wire, policy and transfer: no os/, no clock, disk, socket, thread or environment
  system      only os/ includes headers of system calls, or calls signal functions (tests may); names and types are free
  third party each library's headers stay in the .cc files of the one folder that owns it
  sim         only tests include the simulator
  build       every folder of src/ has a place in the order and in CMakeLists.txt
"""
import pathlib
import re
import sys

ORDER = """base os crypto codec
  event terminal segment merkle receipt wire policy transfer
  config db http vault s3 ledger retention spool identity capture commands sudolog index detect alert forward logsrv
  sim
  latch recorder sudo_plugin pam agent server cli""".split()
PURE = {"event", "terminal", "segment", "merkle", "receipt", "wire", "policy", "transfer"}
SIBLINGS = {"vault", "ledger", "index", "detect", "alert", "forward"}
SIBLINGS_ALLOWED = {("ledger", "vault")}
ONLY = {"latch": {"latch", "base", "os", "wire", "vault"},
        "recorder": {"recorder", "base", "os", "event", "wire", "capture"},
        "sudo_plugin": {"sudo_plugin", "base", "os", "event", "wire", "capture", "recorder"},
        "pam": {"pam", "base", "os", "wire"}}

# Headers of a library -> the folders whose .cc files may include them.
THIRD_PARTY = (
    (r"openssl/ssl\.h", {"http"}),
    (r"openssl/err\.h", {"crypto", "http"}),
    (r"openssl/.*", {"crypto"}),
    (r"boost/(asio|beast)[/.].*|curl/curl\.h", {"http"}),
    (r"toml\+\+/.*", {"config"}),
    (r"bpf/.*", {"commands"}),
    (r"libpq-fe\.h", {"db"}),
    (r"sudo_plugin\.h", {"sudo_plugin"}),
    (r"security/.*", {"pam"}),
    (r"expat\.h", {"s3"}),
    (r"zstd(_errors)?\.h|zdict\.h", {"codec"}),
    (r"boost/json.*", {"s3"}),
    (r"CLI/.*", {"agent", "cli", "retention", "server"}),
)
# Headers of a library that have one home, be it a header or a kind of file.
HOMES = (
    (r"tl/expected\.hpp", r"base/result\.h"),
    (r"g(test|mock)/.*", r"base/fuzz\.h|.*_test\.cc|.*/test_[a-z0-9_]*\.h"),
    (r"benchmark/.*", r".*_bench\.cc"),
    (r"zlib\.h", r".*_test\.cc"),  # what the tests inflate; the product has zstd
)
SYSTEM = re.compile(
    r"(sys|linux|asm|net|netinet|netpacket|arpa|rpc)/.*"
    r"|(dirent|dlfcn|fcntl|fts|ftw|glob|grp|ifaddrs|lastlog|libutil|link|mntent|mqueue|netdb|paths|poll|pthread|pty|pwd|sched|semaphore"
    r"|shadow|signal|spawn|stropts|syslog|termio|termios|ucontext|ulimit|unistd|ustat|utime|utmpx?|wait)\.h")
NAMES_ONLY = {"csignal", "sys/types.h"}  # SIGTERM and pid_t are values and types; what csignal can call is looked for
SIGNAL_CALLS = re.compile(r"\b(signal|raise|kill|killpg|sigaction|sigprocmask)\s*\(")
STANDARD = set("""algorithm any array atomic barrier bit bitset cassert cctype cerrno cfenv cfloat charconv chrono cinttypes
  climits clocale cmath codecvt compare complex concepts condition_variable coroutine csetjmp cstdarg cstddef cstdint cstdio
  cstdlib cstring ctime cuchar cwchar cwctype deque exception execution filesystem forward_list fstream functional future
  initializer_list iomanip ios iosfwd iostream istream iterator latch limits list locale map memory memory_resource mutex new
  numbers numeric optional ostream queue random ranges ratio regex scoped_allocator semaphore set shared_mutex source_location
  span sstream stack stdexcept stop_token streambuf string string_view strstream syncstream system_error thread tuple
  type_traits typeindex typeinfo unordered_map unordered_set utility valarray variant vector version""".split())
IMPURE_HEADERS = set("""barrier condition_variable cstdio ctime filesystem fstream future iostream latch mutex semaphore
  shared_mutex stop_token syncstream thread""".split())
IMPURE_CALLS = re.compile(r"\b(now|clock_gettime|gettimeofday|getenv|secure_getenv|fopen|popen|system)\s*\(|\brandom_device\b|(?<![\w.>])time\s*\(\s*(nullptr|NULL|0|&)")
# Disk and terminal go through os/: what opens a file itself cannot be put into the simulated world.
DISK_HEADERS = {"fstream", "filesystem"}
DISK_HOMES = {"base/fuzz.h"}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', re.M)
COMMENT_OR_STRING = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)


def code_of(text):
    """The text with comments and literals blanked, line by line in place. (A digit separator is no character literal.)"""
    text = re.sub(r"(?<=[0-9a-fA-F])'(?=[0-9a-fA-F])", " ", text)
    return COMMENT_OR_STRING.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def is_for_tests(path):
    """Whether a file of src/ is only ever built into tests, fuzzers and benchmarks."""
    return bool(re.search(r"(_test|_fuzz|_bench)\.cc$|/test_[a-z0-9_]*\.(h|cc)$", path)) or path == "base/fuzz.h"


def order_fault(folder, target, test):
    if target == folder:
        return None
    if target not in ORDER:
        return f"{target}/ has no place in the order of folders"
    if target == "sim":
        return None if test else "only tests include sim/"
    if folder in ONLY and target not in ONLY[folder]:
        return f"{folder}/ includes {target}/, which is not among its few: {' '.join(sorted(ONLY[folder]))}"
    if folder in SIBLINGS and target in SIBLINGS and (folder, target) not in SIBLINGS_ALLOWED:
        return f"{folder}/ includes its sibling {target}/"
    if ORDER.index(target) > ORDER.index(folder):
        return f"{folder}/ includes {target}/, which stands below it"
    if folder in PURE and target == "os":
        return f"{folder}/ is pure and includes os/"
    return None


def foreign_fault(path, folder, header, test):
    """What is wrong with <header> in this file: third party, system or impure."""
    for pattern, homes in HOMES:
        if re.fullmatch(pattern, header):
            return None if re.fullmatch(homes, path) else f"<{header}> belongs in {homes}"
    for pattern, folders in THIRD_PARTY:
        if re.fullmatch(pattern, header):
            if folder not in folders:
                return f"<{header}> belongs to {'/, '.join(sorted(folders))}/"
            return None if path.endswith(".cc") else f"<{header}> is a third party's: .cc files only"
    if header in NAMES_ONLY:
        return None
    if SYSTEM.fullmatch(header):
        return None if folder == "os" or test else f"<{header}> has system calls: they live in os/"
    if header not in STANDARD:
        return f"<{header}> is unknown here: give it a home in tools/check_layers.py"
    if folder in PURE and header in IMPURE_HEADERS and not test:
        return f"{folder}/ is pure and includes <{header}>"
    if header in DISK_HEADERS and folder != "os" and not test and path not in DISK_HOMES:
        return f"<{header}> goes to the disk past os/"
    return None


def check_file(src, path):
    text = (src / path).read_text(encoding="utf-8", errors="replace")
    folder, test = path.split("/")[0], is_for_tests(path)
    for found in INCLUDE.finditer(text):
        own, foreign = found.groups()
        if own is None:
            fault = foreign_fault(path, folder, foreign, test)
        elif (src / f"{own}.in").is_file():
            fault = None  # made by CMake
        elif not (src / own).is_file():
            fault = f'"{own}" is no file of src/: write "folder/file.h"'
        elif "/test_" in own and not test:
            fault = f'"{own}" is for tests only'
        else:
            fault = order_fault(folder, own.split("/")[0], test)
        if fault:
            yield f"src/{path}:{line_of(text, found.start())}: {fault}"
    if test:
        return
    code = code_of(text)
    if folder in PURE:
        for found in IMPURE_CALLS.finditer(code):
            yield f"src/{path}:{line_of(text, found.start())}: {folder}/ is pure and uses {found[0].split('(')[0].strip()}"
    if folder != "os" and "<csignal>" in text:
        for found in SIGNAL_CALLS.finditer(code):
            yield f"src/{path}:{line_of(text, found.start())}: {found[1]} is a system call: they live in os/"


def check_build(root, folders):
    """Every folder is in the order and in CMakeLists.txt."""
    listed = re.search(r"foreach\(folder ([^)]*)\)", (root / "CMakeLists.txt").read_text())
    built = listed[1].split() if listed else []
    for folder in folders:
        if folder not in ORDER:
            yield f"src/{folder}: has no place in the order of folders (tools/check_layers.py)"
        if folder not in built:
            yield f"src/{folder}: not built by CMakeLists.txt"


def check(root):
    src = pathlib.Path(root) / "src"
    paths = sorted(str(p.relative_to(src)) for p in src.rglob("*") if p.suffix in (".h", ".cc"))
    faults = [fault for path in paths for fault in check_file(src, path)]
    return faults + list(check_build(pathlib.Path(root), sorted({p.split("/")[0] for p in paths})))


if __name__ == "__main__":
    faults = check(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent)
    print("\n".join(faults) or "check_layers: the walls stand")
    sys.exit(bool(faults))
