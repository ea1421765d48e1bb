"""docs/operations.md: each command there is run, in order, on machines of its own, and says what the page says it does."""
import contextlib
import re
import shlex
import subprocess
import unittest

from fleet import ENVIRONMENT, PROGRAMS, BootedMachine, can_have_machines, wait_until
from harness import ROOT, LedgerTest, main

PAGE = ROOT / "docs" / "operations.md"
PERSON = ["setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups"]
DESK = "/run/desk"


def commands():
    """[who, command, what it prints] of each, in order; `>` continues a command."""
    found = []
    for block in re.findall(r"^```console\n(.*?)^```", PAGE.read_text(), re.S | re.M):
        for line in block.splitlines():
            if prompt := re.match(r"(\w+[#$]) (.*)", line):
                found.append([prompt[1], prompt[2], ""])
            elif line.startswith("> "):
                found[-1][1] += "\n" + line[2:]
            else:
                found[-1][2] += line + "\n"
    return found


def pattern(text):
    """`…` within a line is anything, alone on a line any lines."""
    lines = ["(?:.*\n)*" if line == "…" else ".*".join(map(re.escape, line.split("…"))) + "\n" for line in text.splitlines()]
    return re.compile("".join(lines))


class Alarms(unittest.TestCase):
    """What the page says to look for is what the programs say, word by word."""

    def setUp(self):
        text = PAGE.read_text()
        self.part = text[text.index("## What to alarm on"):text.index("## Verdicts")]
        sources = "".join(p.read_text() for p in sorted((ROOT / "src").rglob("*.cc")) if not p.name.endswith("_test.cc"))
        self.said = re.sub(r'"\s*"', "", sources)  # pieces of one string

    def test_every_metric_is_named_and_there(self):
        known = set(re.findall(r'line\("(stele_\w+)', self.said))
        self.assertGreater(len(known), 10)
        self.assertEqual(set(re.findall(r"`(stele_\w+)", self.part)), known)

    def test_every_line_is_one_that_is_told(self):
        rows = [row for row in self.part.splitlines() if row.startswith("| `") and "stele_" not in row]
        self.assertGreater(len(rows), 12)
        for line in (line for row in rows for line in re.findall(r"`([^`]+)`", row.split(" | ")[0])):
            for piece in filter(None, (piece.strip(" :,") for piece in line.split("…"))):
                self.assertTrue(piece in self.said, f"nobody says '{piece}'")

    def test_every_finding_of_the_server_is_named(self):
        rules = set(re.findall(r'(?:found\(\s*\{|Finding\{)\s*"([a-z-]+)"', self.said))
        self.assertGreater(len(rules), 2)
        self.assertEqual([rule for rule in sorted(rules) if f"`{rule}`" not in self.part], [])


@unittest.skipIf(can_have_machines(), can_have_machines())
class Page(LedgerTest):
    def setUp(self):
        self.folder = self.make_folder()
        self.log, self.web = (self.machine(name) for name in ("log", "web01"))
        self.log.connect(self.web, 1)
        for machine in (self.log, self.web):
            machine.wait_for_boot()
            machine.do("sh", "-c", f"echo {self.log.address} log.example.org {machine.name} >> /etc/hosts; mkdir -p /run/offline {DESK}")
        keys = subprocess.run(["age-keygen"], capture_output=True, text=True, check=True).stdout
        self.environment = {**ENVIRONMENT, "RECOVERY": re.search("age1\\w+", keys)[0]}
        self.said = ""

    def machine(self, name):
        machine = BootedMachine(name, self.folder)
        self.addCleanup(machine.close)
        return machine

    def carry(self, path, frm, to, new=None):
        """A file, by hand, from one machine to another."""
        to.do("sh", "-c", f"cat > {new or path}", input=frm.do("cat", path), stdin=None)

    def prepare(self, command):
        """What happens on the way to a command and is no command: files are carried, somebody waits."""
        if command.startswith("stele enroll"):
            self.environment["PIN"] = re.search(r"--ca-pin ([0-9a-f]{64})", self.said)[1]
        elif command == "stele record -- uname":
            wait_until(lambda: self.web.run("test", "-S", "/run/stele/agent.sock").returncode == 0, "the agent starts by itself")
        elif command == "stele record -- true":
            self.carry("/etc/stele/policy", self.log, self.web)
            believed = ("cmp", "/etc/stele/policy", "/var/lib/stele/agent/policy")
            wait_until(lambda: self.web.run(*believed).returncode == 0, "the agent has looked")
        elif command.startswith("stele sessions"):
            self.log.do("cp", "/run/jane.token", "/run/offline/auditor.age", DESK)
        elif "--successor-of" in command:
            # The backup is the newest there can be.
            self.log.do("sh", "-c", "cp /var/lib/lost/vault/volume/* /run/backup/vault/volume/ && chown -R stele: /run/backup")
            self.carry("/var/lib/stele/agent/checkpoint", self.web, self.log, "/etc/stele/last-checkpoint")
        elif "/etc/stele/predecessor" in command:
            self.carry("/var/lib/stele-server/predecessor", self.log, self.web, "/etc/stele/predecessor")

    def run_one(self, who, command):
        if command == "tools/install":
            command = f"{ROOT}/tools/install {shlex.quote(str(PROGRAMS.parent))}"
        if "…" in command:
            command = next(line.strip() for line in self.said.splitlines() if re.fullmatch(pattern(command), line.strip() + "\n"))
        machine = self.web if who.startswith("web01") else self.log
        environment = self.environment if who != "desk$" else {**self.environment, "HOME": DESK}
        if who == "web01$":
            return machine.run(*PERSON, "bash", "-c", command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               capture_output=False).stdout.decode().replace("\r\n", "\n")
        done = machine.run("bash", "-c", command, env=environment, cwd="/run")
        return (done.stdout + done.stderr).decode()  # as at a terminal, where neither waits in a buffer

    def test_its_commands_say_what_stands_there(self):
        found = commands()
        self.assertGreater(len(found), 35)
        for who, command, expected in found:
            with self.subTest(who + " " + command):
                self.prepare(command)
                wanted = pattern(expected)
                if who == "desk$":  # the server knows of a new token, or that one is none any more, within two seconds
                    command = f"cd {DESK}; {command}"
                    with contextlib.suppress(AssertionError):
                        wait_until(lambda: wanted.fullmatch(self.told(who, command)), command)
                else:
                    self.told(who, command)
                self.assertRegex(self.last, rf"\A{wanted.pattern}\Z")

    def told(self, who, command):
        self.last = self.run_one(who, command)
        self.said = self.last or self.said
        return self.last


if __name__ == "__main__":
    main()
