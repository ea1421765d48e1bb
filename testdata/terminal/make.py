#!/usr/bin/env python3
"""Records real sessions and what tmux makes of them.

    make.py             record all sessions anew, then render
    make.py --render    only ask tmux again what the recorded bytes show
    make.py NAME…       record and render these
    make.py --generate  make only the generated ones (random_*.raw) anew, and render them

NAME.raw     the size ("ROWS COLUMNS" and a line feed), then the bytes the programs wrote
NAME.screen  the rows as `tmux capture-pane -p -N -e` gives them: SGR for attributes, SO and SI around DEC graphics
The pane that renders is fed through `cat` on a raw tty of that size, in a tmux server of its own without configuration.
"""
import fcntl
import os
import pty
import random
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CORPUS = """#include <stdio.h>
/* A program to look at. */
int main(int argc, char **argv) {
\tfor (int i = 0; i < argc; ++i)
\t\tprintf("%d %s\\n", i, argv[i]);
\treturn 0;
}
"""


def record(rows, columns, argv, keys, term="xterm-256color"):
    """Runs argv on a pty; keys are (seconds to wait, bytes to type)."""
    pid, master = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.environ.update(TERM=term, LANG="C.UTF-8", LC_ALL="C.UTF-8", PS1="$ ", HOME=os.getcwd(), LESS="-R", PAGER="less")
        for name in ("TMUX", "PROMPT_COMMAND", "HISTFILE", "INPUTRC", "COLORTERM"):
            os.environ.pop(name, None)
        os.execvp(argv[0], argv)
    out = b""

    def drain(seconds):
        nonlocal out
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if select.select([master], [], [], left)[0]:
                try:
                    out += os.read(master, 65536)
                except OSError:
                    return

    for wait, typed in keys:
        drain(wait)
        os.write(master, typed)
    drain(1.5)
    os.close(master)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return out


def bash(*lines, wait=0.4):
    return [(0.8, b"")] + [(wait, line) for line in lines]


ALONE = ["unshare", "-pf", "--mount-proc"]  # top shall not show the recording machine's processes
SH = ["bash", "--norc", "--noprofile", "-i"]


def sessions():
    """name: (rows, columns, how to get the bytes). Those without "exit" keys end as a person would see them in the middle."""
    many = "".join(f"line {i} of a file that is longer than the screen\n" for i in range(200))
    open("many.txt", "w").write(many)
    open("look.c", "w").write(CORPUS)
    git = "git -c user.name=a -c user.email=a@b -c init.defaultBranch=main"
    subprocess.run(f"{git} init -q . && for i in 1 2 3 4 5 6; do echo $i >> f; git add f; GIT_AUTHOR_DATE='2024-01-0'$i'T00:00:00Z' "
                   f"GIT_COMMITTER_DATE='2024-01-01T00:00:00Z' {git} commit -qm \"change $i\"; done", shell=True, check=True)
    return {
        "bash": (24, 80, SH, bash(b"echo hello\r", b"ls --color=always -d /usr /bin /etc/passwd\r",
                                  b"echo " + b"0123456789" * 12 + b"\x01\x06\x06\x06\x06\x06X\x05\r",
                                  b"echo abc def\x1b[D\x1b[D\x17YZ \x0b\r", b"for i in $(seq 30); do echo row $i; done\r",
                                  b"echo one two\x1bb\x1bbU\x1by\x14\r", b"\x12row\x1b[C\x03", b"printf 'no newline'\r")),
        "bash_narrow": (10, 21, SH, bash(b"echo a line that is wider than this window \xe6\xbc\xa2\xe5\xad\x97 end\r",
                                         b"\x1b[A\x01\x0b", b"\x19\x1b[D\x1b[D\x7f\x7f\r", b"\x12wider\x1b[C\x15ls\t\t\x03")),
        "vim": (24, 80, ["vim", "-u", "NONE", "-N", "-i", "NONE", "look.c"],
                bash(b":syntax on\r", b":set number hlsearch\r", b"/int\r", b"oint x = 5;\x1b", b"ddp", b":split many.txt\r",
                     b"\x06\x06\x04", b"GVggd", b"u", b"\x17j", b"5x", b":set list\r")),
        "vim_left": (24, 80, SH, bash(b"echo before\r", b"vim -u NONE -N -i NONE look.c\r", b"ihello\x1b:wq\r", b"echo after\r")),
        "less": (24, 80, ["less", "many.txt"], bash(b" ", b" ", b"b", b"jjjj", b"kk", b"/11\r", b"n", b"G", b"g", b"5j")),
        "less_small": (7, 40, ["less", "-S", "many.txt"], bash(b" ", b"k", b"k", b"\x1b[C", b"G", b"kkk", b"jj")),
        "top": (24, 80, ALONE + ["top", "-d", "1", "-n", "3"], [(2.5, b"")]),
        "top_wide": (30, 132, ALONE + ["top", "-d", "1"], [(1.5, b"z"), (0.5, b"x"), (0.5, b"1"), (1.2, b"V")]),
        "tmux": (24, 80, ["tmux", "-f", "/dev/null", "-L", "stele-inner", "new", "bash --norc --noprofile"],
                 bash(b"PS1='$ '; echo inside\r", b"\x02%", b"PS1='$ '; seq 40\r", b"\x02\"", b"PS1='$ '; clear; ls -d /*\r",
                      b"\x02o", b"echo left\r", b"\x02[", b"\x02z", b"\x02z", wait=0.7)),
        "git_log": (24, 80, SH, bash(b"git log --color=always --graph --stat | cat\r", b"git --no-pager diff --color=always HEAD~3\r")),
        "python": (24, 80, ["/usr/bin/python3", "-q"],
                   bash(b"print('h\xc3\xa9llo')\r", b"for i in range(3):\r", b"    print(i)\r", b"\r", b"1/0\r", b"'x'*100\r",
                        b"\x1b[A\x1b[D\x7f7\r", b"import sys; sys.pl\t\x03")),
        "unicode": (24, 80, ["cat", "unicode.txt"], [(0.5, b"")]),
        "progress": (12, 60, SH, bash(b"for i in $(seq 0 4 100); do printf '\\r\\033[K[%-50s] %d%%' \"$(printf '%*s' $((i/2)) | tr ' ' '#')\""
                                      b" $i; sleep 0.02; done; echo\r")),
        "curl_bar": (12, 60, ["bash", "-c", "printf 'start\\n\\033[1A\\033[2K'; for i in 1 2 3; do printf '\\0337\\033[12;1Hstatus %d\\033[K\\0338"
                              "row %d\\n' $i $i; done; printf '\\033[1;11r\\033[11;1H'; seq 20; printf '\\033[r\\033[12;1Hdone'; sleep 3"], [(0.5, b"")]),
        "wide_cat": (24, 100, ["cat", "wide.txt"], [(0.5, b"")]),
        "man": (24, 80, SH, bash(b"echo 'NAME\x08E' | cat -v; printf 'N\\bN A\\bA _\\bx\\n' | less -F\r")),
        "attributes": (24, 80, ["cat", "attributes.txt"], [(0.5, b"")]),
    }


def texts():
    """Files that the sessions above show."""
    uni = "Ελληνικά кириллица עברית العربية हिन्दी ไทย 한국어 日本語 漢字\n"
    uni += "e\u0301 a\u0308\u0323 o\u0302 漢\u0301 \u2603 \u2713 \u20ac \u00bd “quoted” — dash … ellipsis\n"
    uni += "👍 😀 🚀 ✨ ⚡ ☃ ❤ 🇩🇪 \U0001f9d1 \u2615 \U0001f004\n"
    uni += "┌──┬──┐\n│漢│字│\n└──┴──┘ ░▒▓█ ▁▂▃▄▅▆▇\n"
    uni += "".join(chr(c) for c in range(0x3041, 0x3041 + 60)) + "|\n"
    uni += "x" * 79 + "漢y\n" + "x" * 79 + "e\u0301z\n" + "ﾊﾝｶｸ ＦＵＬＬ ｗｉｄｔｈ\n"
    uni += "tab\there\tand\tthere\n각 각 \u1100\u1161\u11a8 ｶﾞ\n\xad soft\xadhyphen\n"
    open("unicode.txt", "w").write(uni)
    wide = "".join("".join(chr(33 + (i * 7 + j) % 94) for j in range(230)) + "\n" for i in range(14))
    open("wide.txt", "w").write(wide)
    out = "".join(f"\x1b[{n}mattr {n}\x1b[0m " for n in list(range(0, 10)) + [21, 53]) + "\n"
    out += "".join(f"\x1b[{n}m{n}\x1b[0m " for n in list(range(30, 38)) + list(range(40, 48)) + list(range(90, 98)) + list(range(100, 108))) + "\n"
    out += "".join(f"\x1b[48;5;{n}m  " for n in range(0, 256)) + "\x1b[0m\n"
    out += "".join(f"\x1b[38;2;{n};{255 - n};128m#" for n in range(0, 256, 4)) + "\x1b[0m\n"
    out += "\x1b[38:5:208mcolon\x1b[m \x1b[38:2::1:2:3mcolon\x1b[m \x1b[4:3mcurly\x1b[m \x1b[1;4;7;31;42mall\x1b[22;24;27mless\x1b[39;49mnone\x1b[m\n"
    out += "\x1b(0lqqqk x a ` ~\x1b(B ascii\n\x1b)0\x0emqqqj\x0f plain\n\x1b[44mblue\x1b[K\x1b[m\n\x1b[41m  \x1b[X\x1b[3C\x1b[m|\n"
    out += "\x1b[5;10H\x1b[3@ins\x1b[2P\x1b[20;1H\x1b[2Lup\x1b[22;1Hdown\x1b[1;22r\x1b[2S\x1b[T\x1b[r\x1b[24;1Hend\x1b[4b"
    open("attributes.txt", "w").write(out)


def generate(seed, rows, columns):
    """Sequences at random. Left out is where tmux 3.3a parts from xterm and DEC, whom we follow:
      moving left or down while a wrap is pending (tmux counts from the column behind the last);
      IL and DL outside the margins (DEC: nothing happens; tmux acts to the bottom) or off the first column (DEC: goes there);
      DECSTBM in origin mode (DEC: to the top margin; tmux: to the top), 1049 reset on the main screen (tmux: only after a set);
      ICH, DCH, ECH and insert mode where they cut a wide character in two (tmux leaves half of it, and shifts the row), or wrap;
      ICH of all that is left of a row (tmux: nothing happens); DECSC on one screen and DECRC on the other (tmux keeps one for both);
      CHT, encoded C1 and bytes that are no UTF-8 (tmux knows none of them)."""
    r = random.Random(seed)
    wide = seed % 2 == 0
    saving = seed % 3 != 0  # DECSC or the alternate screen, not both
    alternate = False
    n = lambda most: str(r.choice([1, 1, 2, 3, r.randint(1, most)]))
    goto = lambda: f"\x1b[{r.randint(1, rows)};{r.randint(1, columns)}H"
    words = ["a", "bc", "def", "word", "e\u0301", "longer text"] + (["漢", "字x", "👍", "ﾊ"] if wide else [])
    out = ""
    for _ in range(400):
        op = r.randint(0, 15)
        if op < 6:
            out += r.choice(["", goto(), "\r"]) + "".join(r.choice(words) for _ in range(r.randint(1, 6))) + goto()
        elif op == 6 and not wide:
            out += r.choice(["\x1b[" + n(columns) + r.choice("PX"), f"\x1b[{r.randint(1, columns // 2)}G\x1b[{r.randint(1, columns // 2 - 1)}@",
                             "\x1b[4h\r" + r.choice(words)[: columns // 2] + "\x1b[4l"])
        elif op == 7:
            out += "\x1b[r" + goto() + "\r\x1b[" + n(rows) + r.choice("LM")
        elif op == 8 and not wide:
            out += "\x1b[" + r.choice("012") + "K"
        elif op == 9:
            out += "\x1b[" + n(rows) + r.choice("ABCDEFGdST")
        elif op == 10:
            out += "\x1b[" + r.choice(["0", "1", "7", "4;31", "42", "38;5;99", "48;2;1;2;3", "39;49"]) + "m"
        elif op == 11:
            top = r.randint(1, rows - 1)
            out += "\x1b[?6l" + r.choice(["\x1b[r", f"\x1b[{top};{r.randint(top + 1, rows)}r"])
        elif op == 12:
            out += r.choice(["\n", "\x1bM", "\x1bD", "\x1bE", "\r\n"]) * r.randint(1, 4)
        elif op == 13:
            out += r.choice((["\x1b7", "\x1b8"] if saving else []) + ["\t", "\x1b[Z", "\x1bH", "\x1b[g", "x\x1b[2b" + goto()])
        elif op == 14:
            out += r.choice(["\x1b[?6h", "\x1b[?6l", "\x1b[?6l", "\x1b(0", "\x1b(B", "\x1b(B", "\x1b)0", "\x0e", "\x0f", "\x0f"])
        elif op == 15 and r.randint(0, 3) == 0:
            if not saving and r.randint(0, 1):
                alternate = not alternate
                out += "\x1b[?1049" + "lh"[alternate]
            else:
                out += r.choice(["", "" if wide else goto()]) + r.choice(["\x1b[J", "\x1b[1J"] if not wide else ["\x1b[H\x1b[J"])
    return out.encode()


CONFIG = """set -g status off
set -g allow-rename off
"""


def render(raw, rows, columns):
    """The rows as tmux shows them."""
    with tempfile.TemporaryDirectory() as folder:
        for name, content in (("raw", raw), ("tmux.conf", CONFIG.encode())):
            with open(f"{folder}/{name}", "wb") as f:
                f.write(content)
        env = {k: v for k, v in os.environ.items() if k != "TMUX"} | {"LC_ALL": "C.UTF-8", "TMUX_TMPDIR": folder}

        def tmux(*args):
            return subprocess.run(["tmux", "-f", f"{folder}/tmux.conf", *args], check=True, capture_output=True, env=env).stdout

        tmux("new-session", "-d", "-x", str(columns), "-y", str(rows),
             f"stty raw -echo; cat {folder}/raw; touch {folder}/done; sleep 60")
        while not os.path.exists(f"{folder}/done"):
            time.sleep(0.05)
        time.sleep(0.3)
        size = tmux("display", "-p", "#{pane_height} #{pane_width}").decode().split()
        assert size == [str(rows), str(columns)], size
        out = tmux("capture-pane", "-p", "-e", "-N")
        tmux("kill-server")
    return out


def main():
    wanted = [a for a in sys.argv[1:] if not a.startswith("-")]
    for i in range(1, 1 + int(os.environ.get("COUNT", "12"))):
        rows, columns = [(24, 80), (6, 20), (10, 37), (3, 9)][i % 4]
        if "--render" not in sys.argv and not wanted:
            with open(os.path.join(HERE, f"random_{i}.raw"), "wb") as f:
                f.write(b"%d %d\n" % (rows, columns) + generate(i, rows, columns))
    if "--render" not in sys.argv and "--generate" not in sys.argv:
        with tempfile.TemporaryDirectory() as folder:
            os.chdir(folder)
            texts()
            for name, (rows, columns, argv, keys) in sessions().items():
                if wanted and name not in wanted:
                    continue
                raw = record(rows, columns, argv, keys)
                # Nothing of the recording machine but what the programs made of it.
                raw = raw.replace(folder.encode(), b"/tmp/somewhere"[: len(folder)].ljust(len(folder), b"x"))
                open(os.path.join(HERE, name + ".raw"), "wb").write(b"%d %d\n" % (rows, columns) + raw)
                print(name, len(raw))
        os.chdir(HERE)
    subprocess.run(["tmux", "-L", "stele-inner", "kill-server"], capture_output=True)
    for name in sorted(os.listdir(HERE)):
        if name.endswith(".raw") and (not wanted or name[:-4] in wanted):
            if "--generate" in sys.argv and not name.startswith("random_"):
                continue
            size, raw = open(os.path.join(HERE, name), "rb").read().split(b"\n", 1)
            rows, columns = map(int, size.split())
            open(os.path.join(HERE, name[:-4] + ".screen"), "wb").write(render(raw, rows, columns))


main()
