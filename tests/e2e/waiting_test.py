"""A reader whose server is not ready: it waits as it is told to, says what for, and gives up when nothing moves."""
import http.server
import re
import ssl
import subprocess
import threading

from harness import STELE, LedgerTest, main


class Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        status, text = self.server.answers.pop(0) if self.server.answers else (404, "that was all")
        self.server.asked += 1
        self.send_response(status)
        if status == 503:
            self.send_header("Retry-After", "1")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args):
        pass


class Waiting(LedgerTest):
    def setUp(self):
        super().setUp()
        self.key, self.certificate = self.folder / "key.pem", self.folder / "cert.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                        "-subj", "/CN=server", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", self.key, "-out", self.certificate],
                       check=True, capture_output=True)
        (self.folder / "token").write_text("no matter which")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.server.asked = 0
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def command(self):
        return ["sessions", "--server", f"https://127.0.0.1:{self.server.server_address[1]}", "--token-file", self.folder / "token",
                "--ca", self.certificate]

    def test_it_asks_again_and_shows_how_far_the_server_is(self):
        self.server.answers = [(503, f"{part} of 30 leaves are read") for part in (10, 20)]
        reader = self.terminal(STELE, *self.command())
        reader.expect("10 of 30 leaves are read")
        reader.expect("20 of 30 leaves are read")
        reader.expect("that was all")
        self.assertNotEqual(reader.wait(), 0)
        self.assertEqual(self.server.asked, 3)

    def test_without_a_terminal_nothing_is_said_meanwhile(self):
        self.server.answers = [(503, "10 of 30 leaves are read")]
        done = self.ledger.run(*self.command())
        self.assertEqual(len(re.findall(rb"\n", done.stderr.strip())), 0, done.stderr)
        self.assertIn(b"that was all", done.stderr)


if __name__ == "__main__":
    main()
