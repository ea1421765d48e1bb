#!/usr/bin/python3
"""Holds the small habits of the whole tree (STYLE in CONTRIBUTING.md): what a reader, a newcomer or a robot trips over.

    tools/check_tree.py [--root DIR] [--build DIR]      prints one line per fault; exit 1 if there is any

Without --build, what needs a configured build is left out: that every test and fuzz target is built, and that
the `stele` commands in README.md exist.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

from check_layers import code_of, line_of

# The files in which exceptions of a third party are caught, or may fly.
EXCEPTION_ADAPTERS = {"src/agent/main.cc", "src/cli/main.cc", "src/config/toml.cc", "src/os/thread.cc", "src/pam/main.cc",
                      "src/retention/main.cc", "src/server/main.cc"}
CODE_FOLDERS = ("src", "tests", "bench")
# These hold bytes, not text of ours; the checkers themselves have to spell what they look for.
NOT_TEXT = re.compile(r"testdata/.*|tools/check_\w+\.py|LICENSE")
FORBIDDEN_TEXT = (
    (re.compile(r"(?<![\w./-])/(work|root)/|/home/(?!(ada|alice|bob|carol|user)\b)"), "names a path of one machine"),
    (re.compile(r"\b(TODO|FIXME|XXX)\b"), "leaves something open: do it, or file an issue"),
    (re.compile(r"\b(registry|proxy|repo1?|deb|ftp|security|snapshot|files|static|index)\.[a-z0-9-]+\.(org|com|io|net)\b"
                r"|\b(pypi|crates|npmjs)\.(org|com|io)\b"), "names a package registry: use the ordinary client, by package name"),
)
FORMAT_HEADINGS = ("Grammar", "Limits", "Example", "Changelog")
SNAKE_CASE = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*\.(h|cc|c|py)")


def files_of(root):
    """What git tracks or would track, as paths relative to the root."""
    done = subprocess.run(["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                          stdout=subprocess.PIPE, check=True, text=True)
    return sorted({p for p in done.stdout.split("\0") if p and (root / p).is_file()})


def text_of(path):
    data = path.read_bytes()
    return None if b"\0" in data else data.decode("utf-8", errors="replace")


def check_names(paths):
    for path in paths:
        name = path.rsplit("/", 1)[-1]
        if path.startswith(("src/", "tests/", "bench/", "tools/")) and re.search(r"\.(h|hpp|hh|cc|cpp|cxx|c|py)$", name):
            if not SNAKE_CASE.fullmatch(name):
                yield f"{path}: file names are snake_case.h, .cc or .py"


def check_text(root, paths):
    for path in paths:
        if NOT_TEXT.fullmatch(path) or (text := text_of(root / path)) is None:
            continue
        for pattern, what in FORBIDDEN_TEXT:
            for found in pattern.finditer(text):
                yield f"{path}:{line_of(text, found.start())}: {what}: {found[0]}"


def check_exceptions(root, paths):
    for path in paths:
        if path.startswith("src/") and path.endswith((".h", ".cc")) and path not in EXCEPTION_ADAPTERS:
            code = code_of((root / path).read_text(encoding="utf-8", errors="replace"))
            for found in re.finditer(r"\b(throw|try|catch)\b(?!_)", code):
                yield f"{path}:{line_of(code, found.start())}: `{found[0]}` outside the adapters {sorted(EXCEPTION_ADAPTERS)}"


def check_format(root, paths, formatter="clang-format-19"):
    ours = [p for p in paths if p.startswith(CODE_FOLDERS) and p.endswith((".h", ".cc", ".c"))]
    if not ours:
        return
    if not shutil.which(formatter):
        yield f"{formatter} is missing: tools/setup clang"
        return
    done = subprocess.run([formatter, "--dry-run", "-Werror", *ours], cwd=root, stderr=subprocess.PIPE, text=True)
    for path in sorted(set(re.findall(r"^(\S+?):\d+:\d+: error", done.stderr, re.M))):
        yield f"{path}: not formatted: {formatter} -i {path}"
    if done.returncode and not re.search(r": error", done.stderr):
        yield f"{formatter}: {done.stderr.strip()}"


def check_built(root, build, paths):
    """A test that nobody builds is a comment."""
    commands = json.loads((build / "compile_commands.json").read_text())
    built = {os.path.relpath(os.path.join(c["directory"], c["file"]), root) for c in commands}
    for path in paths:
        if path.startswith(("src/", "tests/")) and path.endswith(("_test.cc", "_fuzz.cc")) and path not in built:
            yield f"{path}: is in no build"


def check_corpora(root, paths):
    """Without a corpus a target is only ever fed noise: base/fuzz.h mutates what is there."""
    for path in paths:
        if path.startswith("src/") and path.endswith("_fuzz.cc"):
            for name in re.findall(r"^STELE_FUZZ\((\w+),", (root / path).read_text(), re.M):
                corpus = f"testdata/corpus/{name}/"
                if not any(p.startswith(corpus) and (root / p).stat().st_size for p in paths):
                    yield f"{path}: has no input in {corpus}"


def check_format_pages(root, paths):
    for path in paths:
        if re.fullmatch(r"docs/formats/[^/]+\.md", path):
            text = (root / path).read_text()
            for heading in FORMAT_HEADINGS:
                if not re.search(rf"^#+ {heading}\b", text, re.M):
                    yield f"{path}: has no heading '{heading}'"


def without_code(text):
    """Fenced blocks and code between backticks show links, they have none; line numbers stay."""
    blank = lambda found: re.sub(r"[^\n]", " ", found[0])
    return re.sub(r"`[^`\n]*`", blank, re.sub(r"^ *```.*?^ *```", blank, text, flags=re.M | re.S))


def anchors_of(text):
    """As GitHub makes them of headings."""
    return {re.sub(r"[^\w\- ]", "", found[1].lower()).replace(" ", "-") for found in re.finditer(r"^#+ +(.*?) *$", text, re.M)}


def check_links(root, paths):
    """Links from one page to another, or to a heading, lead somewhere."""
    known = {p for path in paths for p in (path, *map(str, pathlib.PurePosixPath(path).parents))}
    for path in paths:
        if not path.endswith(".md") or path.startswith("testdata/"):
            continue
        text = without_code((root / path).read_text())
        for found in re.finditer(r"\]\(([^()\s]+)\)", text):
            if re.match(r"[a-z]+:", found[1]):
                continue
            file, _, anchor = found[1].partition("#")
            target = os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else path
            where = f"{path}:{line_of(text, found.start())}"
            if target not in known:
                yield f"{where}: links to {found[1]}, which is not there"
            elif anchor and anchor not in anchors_of((root / target).read_text()):
                yield f"{where}: links to {found[1]}, which has no such heading"


def readme_commands(text):
    """(line number, words) of every command in README.md's code blocks; a leading `$ ` is the prompt."""
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            inside = not inside
        elif inside:
            words = re.sub(r"^\s*\$ ", "", line).split("#")[0].split()
            if words and words[0].rsplit("/", 1)[-1] == "stele" or words and re.match(r"(\./)?tools/", words[0]):
                yield number, words


def check_readme(root, build):
    readme = root / "README.md"
    if not readme.is_file():
        yield "README.md: is missing"
        return
    known = {}
    for number, words in readme_commands(readme.read_text()):
        if words[0].rsplit("/", 1)[-1] != "stele":
            if not os.access(root / words[0], os.X_OK):
                yield f"README.md:{number}: there is no program {words[0]}"
        elif build and len(words) > 1 and not words[1].startswith("-"):
            command = words[1]
            if command not in known:
                try:
                    done = subprocess.run([build / "bin" / "stele", command, "--help"], stdin=subprocess.DEVNULL,
                                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20)
                    known[command] = done.returncode == 0
                except OSError:
                    known[command] = False
            if not known[command]:
                yield f"README.md:{number}: `stele {command}` is no command"


def check(root, build=None):
    root = pathlib.Path(root).resolve()
    build = pathlib.Path(build).resolve() if build else None
    paths = files_of(root)
    faults = [*check_names(paths), *check_text(root, paths), *check_exceptions(root, paths), *check_format(root, paths),
              *check_corpora(root, paths), *check_format_pages(root, paths), *check_links(root, paths), *check_readme(root, build)]
    if build:
        faults += check_built(root, build, paths)
    return faults


if __name__ == "__main__":
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--root", default=pathlib.Path(__file__).resolve().parent.parent)
    ap.add_argument("--build", metavar="DIR", help="a configured and built build folder, e.g. build/dev")
    a = ap.parse_args()
    faults = check(a.root, a.build)
    print("\n".join(faults) or "check_tree: nothing to mend")
    sys.exit(bool(faults))
