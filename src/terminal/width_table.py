#!/usr/bin/env python3
"""Writes width_table.inc: the code points that take no column, and those that take two.

    cd src/terminal
    /usr/bin/python3 width_table.py >width_table.inc    the table anew, from the Unicode data of that Python
    /usr/bin/python3 width_table.py --check             compares the rules with the machine's wcwidth(): "0 differ"

Made with Debian 12's own Python (3.11, Unicode 14.0) and checked against its glibc 2.36, whose wcwidth() tmux asks; both move
together with the distribution. Needed again only when that does: say so in width.h, and run terminal_test, which compares whole
screens with tmux. Recorded bytes do not depend on it, only how they are shown.

Rules are those of glibc's C.UTF-8: East Asian Width W and F take two columns; marks, format characters and the vowels and finals
of Hangul syllables none.
"""
import ctypes
import locale
import sys
import unicodedata

NONE_EXTRA = [(0x1160, 0x11FF), (0xD7B0, 0xD7C6), (0xD7CB, 0xD7FB)]  # Hangul jungseong and jongseong
# Format characters that are shown: the soft hyphen, and marks written before the number they span.
ONE_ALTHOUGH_FORMAT = {0xAD, *range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
# Circled numbers and hexagrams, which glibc counts among the ideographs; then the unassigned places that
# EastAsianWidth.txt reserves for ideographs.
TWO_EXTRA = [(0x3248, 0x324F), (0x4DC0, 0x4DFF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2FFFD), (0x30000, 0x3FFFD)]


def width(cp):
    char = chr(cp)
    category = unicodedata.category(char)
    if any(a <= cp <= b for a, b in NONE_EXTRA):
        return 0
    if category in ("Mn", "Me") or (category == "Cf" and cp not in ONE_ALTHOUGH_FORMAT):
        return 0
    if any(a <= cp <= b for a, b in TWO_EXTRA):
        return 2
    if category != "Cn" and unicodedata.east_asian_width(char) in "WF":
        return 2
    return 1


def ranges(wanted):
    out = []
    for cp in range(0xA0, 0x110000):
        if width(cp) == wanted:
            if out and out[-1][1] == cp - 1:
                out[-1][1] = cp
            else:
                out.append([cp, cp])
    return out


def check():
    libc = ctypes.CDLL("libc.so.6")
    locale.setlocale(locale.LC_ALL, "C.UTF-8")
    differing = []
    for cp in range(0xA0, 0x110000):
        theirs = libc.wcwidth(cp)
        if theirs >= 0 and theirs != width(cp):
            differing.append((cp, theirs, width(cp)))
    for cp, theirs, ours in differing[:60]:
        print(f"U+{cp:04X} glibc {theirs} ours {ours} {unicodedata.category(chr(cp))} {unicodedata.name(chr(cp), '')}")
    print(len(differing), "differ")
    return 1 if differing else 0


def main():
    if "--check" in sys.argv:
        sys.exit(check())
    print(f"// Made by width_table.py from Unicode {unicodedata.unidata_version}. Sorted, inclusive.")
    for name, wanted in (("kNoColumn", 0), ("kTwoColumns", 2)):
        table = ranges(wanted)
        print(f"constexpr Range {name}[] = {{")
        line = "   "
        for a, b in table:
            item = f" {{0x{a:x}, 0x{b:x}}},"
            if len(line) + len(item) > 118:
                print(line)
                line = "   "
            line += item
        print(line)
        print("};")


main()
