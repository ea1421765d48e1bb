"""An object store in memory that holds to AWS's rules for S3 Object Lock, as strictly as AWS does and no store from packages here; and, told to,
breaks one of them. Beside the real one of tools/interop, never in its place. Signatures are checked by code of its own."""
import base64
import datetime
import hashlib
import hmac
import http.server
import itertools
import threading
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ElementTree

NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"
UTC = datetime.timezone.utc


def signature(secret, method, path, query, headers, payload, scope):
    """Of a request: path as it is sent, query [(name, value)], headers {name: value} of those that are signed."""
    quote = lambda text: urllib.parse.quote(text, safe="-._~")
    names = ";".join(sorted(headers))
    canonical = "\n".join([method, path, "&".join(sorted(f"{quote(k)}={quote(v)}" for k, v in query)),
                           *(f"{k}:{' '.join(headers[k].split())}" for k in sorted(headers)), "", names, payload])
    key = ("AWS4" + secret).encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    to_sign = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, hashlib.sha256(canonical.encode()).hexdigest()])
    return names, hmac.digest(key, to_sign.encode(), "sha256").hex()


def send(url, key, secret, method, path, query=(), headers=(), body=b"", region="us-east-1"):
    """A signed request of our own; what is answered, or urllib's error."""
    now = datetime.datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    payload = hashlib.sha256(body).hexdigest()
    signed = {"host": urllib.parse.urlsplit(url).netloc, "x-amz-date": now, "x-amz-content-sha256": payload, **dict(headers)}
    scope = f"{now[:8]}/{region}/s3/aws4_request"
    names, value = signature(secret, method, path, query, signed, payload, scope)
    target = url + path + ("?" + urllib.parse.urlencode(query) if query else "")
    request = urllib.request.Request(target, data=body or None, method=method, headers={
        **signed, "Authorization": f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, Signature={value}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()


class Refused(Exception):
    def __init__(self, status, code, message=""):
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


class Version:
    def __init__(self, number, content=b"", is_marker=False):
        self.id, self.content, self.is_marker = f"v{number}", content, is_marker
        self.mode, self.until, self.is_held = "", None, False

    def is_locked(self):
        return self.is_held or (self.mode and self.until > datetime.datetime.now(UTC))


class ObjectStore:
    """`flaws`: what it does wrong, by the names that are asked for below."""
    KEY, SECRET, BUCKET = "AKTEST", "secret/of+the=store", "locked"

    def __init__(self, flaws=()):
        self.flaws, self.objects, self.numbers, self.lock = set(flaws), {}, itertools.count(1), threading.Lock()
        self.requests, self.is_busy = [], itertools.cycle([True, True, False])
        store = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                with store.lock:
                    status, headers, said = store.handle(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in headers:
                    self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(said)

            do_GET = do_PUT = do_DELETE = do_HEAD = answer

            def date_time_string(self, timestamp=None):
                ahead = 7200 if "clock" in store.flaws else 0
                return (datetime.datetime.now(UTC) + datetime.timedelta(seconds=ahead)).strftime("%a, %d %b %Y %H:%M:%S GMT")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def handle(self, method, target, headers, body):
        path, _, query = target.partition("?")
        query = urllib.parse.parse_qsl(query, keep_blank_values=True)
        self.requests.append((method, path, dict(query)))
        try:
            if "busy" in self.flaws and next(self.is_busy):
                raise Refused(503, "SlowDown", "spare me")
            self.authenticate(method, path, query, headers, body)
            return self.do(method, self.key_of(path, headers["host"]), dict(query), headers, body)
        except Refused as refused:
            said = f"<Error><Code>{refused.code}</Code><Message>{refused.message}</Message></Error>"
            return refused.status, {"Content-Type": "application/xml"}, said.encode()

    def key_of(self, path, host):
        path = urllib.parse.unquote(path)
        if host.startswith(self.BUCKET + "."):
            return path[1:]
        bucket, _, key = path[1:].partition("/")
        if bucket != self.BUCKET:
            raise Refused(404, "NoSuchBucket")
        return key

    def authenticate(self, method, path, query, headers, body):
        parts = dict(part.strip().partition("=")[::2] for part in headers["authorization"].partition(" ")[2].split(","))
        key, _, scope = parts["Credential"].partition("/")
        at = datetime.datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        ahead = datetime.timedelta(hours=2 if "clock" in self.flaws else 0)
        if abs(datetime.datetime.now(UTC) + ahead - at) > datetime.timedelta(minutes=15):
            raise Refused(403, "RequestTimeTooSkewed")
        signed = {name: headers[name] for name in parts["SignedHeaders"].split(";")}
        if missing := [name for name in headers if (name.startswith("x-amz-") or name in ("host", "content-md5")) and name not in signed]:
            raise Refused(403, "AccessDenied", f"not signed: {missing}")
        wanted = signature(self.SECRET, method, path, query, signed, headers["x-amz-content-sha256"], scope)[1]
        if key != self.KEY or not hmac.compare_digest(wanted, parts["Signature"]):
            raise Refused(403, "SignatureDoesNotMatch")
        if "hash-blind" not in self.flaws and headers["x-amz-content-sha256"] != hashlib.sha256(body).hexdigest():
            raise Refused(400, "XAmzContentSHA256Mismatch")
        if "md5-blind" not in self.flaws and headers.get("content-md5", md5(body)) != md5(body):
            raise Refused(400, "BadDigest")

    def do(self, method, key, query, headers, body):
        if not key:
            return 200, {}, self.about_bucket(query)
        if "retention" in query or "legal-hold" in query:
            return self.change(self.find(key, query["versionId"]), query, headers, body)
        if method == "PUT":
            return self.put(key, headers, body)
        if method == "DELETE":
            return self.remove(key, query.get("versionId"), headers)
        version = self.find(key, query.get("versionId"))
        said = {"x-amz-version-id": version.id, "Content-Length": str(len(version.content))}
        if version.mode:
            said |= {"x-amz-object-lock-mode": version.mode, "x-amz-object-lock-retain-until-date": version.until.strftime("%Y-%m-%dT%H:%M:%S.000Z")}
        if version.is_held:
            said["x-amz-object-lock-legal-hold"] = "ON"
        return 200, said, version.content

    def about_bucket(self, query):
        if "versioning" in query:
            return b"<VersioningConfiguration>" + (b"" if "no-versions" in self.flaws else b"<Status>Enabled</Status>") + b"</VersioningConfiguration>"
        if "object-lock" in query:
            if "no-lock" in self.flaws:
                raise Refused(404, "ObjectLockConfigurationNotFoundError")
            return b"<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>"
        found = "".join(f"<{kind}><Key>{urllib.parse.quote_plus(key)}</Key><VersionId>{v.id}</VersionId><Size>{len(v.content)}</Size></{kind}>"
                        for key, versions in sorted(self.objects.items()) if key.startswith(query["prefix"])
                        for v in versions for kind in ["DeleteMarker" if v.is_marker else "Version"])
        return f"<ListVersionsResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>{found}</ListVersionsResult>".encode()

    def find(self, key, version):
        versions = self.objects.get(key, [])
        found = [v for v in versions if version in (None, v.id)][:1]
        if not found or found[0].is_marker or ("hides" in self.flaws and versions[0].is_marker):
            raise Refused(404, "NoSuchVersion" if version else "NoSuchKey")
        return found[0]

    def put(self, key, headers, body):
        version = Version(next(self.numbers), body)
        is_locked = "x-amz-object-lock-mode" in headers
        if is_locked and not {"content-md5", "x-amz-checksum-sha256"} & set(headers):
            raise Refused(400, "InvalidRequest", "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock parameters")
        checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
        if "checksum-blind" not in self.flaws and headers.get("x-amz-checksum-sha256", checksum) != checksum:
            raise Refused(400, "BadDigest")
        versions = self.objects.setdefault(key, [])
        if headers.get("if-none-match") == "*" and "first-blind" not in self.flaws and versions and not versions[0].is_marker:
            raise Refused(412, "PreconditionFailed")
        if is_locked:
            until = parse_time(headers["x-amz-object-lock-retain-until-date"])
            if until <= datetime.datetime.now(UTC):
                raise Refused(400, "InvalidArgument")
            if "forgets" not in self.flaws:
                version.mode, version.until = headers["x-amz-object-lock-mode"], until
        version.is_held = headers.get("x-amz-object-lock-legal-hold") == "ON"
        if "overwrites" in self.flaws:
            versions.clear()
        versions.insert(0, version)
        return 200, {"x-amz-version-id": version.id}, b""

    def remove(self, key, version, headers):
        if version is None:
            self.objects.setdefault(key, []).insert(0, Version(next(self.numbers), is_marker=True))
            return 204, {"x-amz-delete-marker": "true"}, b""
        found = self.find(key, version)
        bypasses = headers.get("x-amz-bypass-governance-retention") == "true"
        if found.is_locked() and "deletes" not in self.flaws:
            if found.is_held or not bypasses or (found.mode == "COMPLIANCE" and "bypasses" not in self.flaws):
                if "lies" in self.flaws:
                    self.objects[key].remove(found)
                raise Refused(403, "AccessDenied", "Access Denied because object protected by object lock.")
        self.objects[key].remove(found)
        return 204, {}, b""

    def change(self, version, query, headers, body):
        if "content-md5" not in headers:
            raise Refused(400, "InvalidRequest", "Missing required header for this request: Content-MD5")
        document = ElementTree.fromstring(body)
        if "legal-hold" in query:
            version.is_held = document.findtext(NAMESPACE + "Status") == "ON" and "no-holds" not in self.flaws
            return 200, {}, b""
        mode, until = document.findtext(NAMESPACE + "Mode"), parse_time(document.findtext(NAMESPACE + "RetainUntilDate"))
        is_bypassed = headers.get("x-amz-bypass-governance-retention") == "true" and version.mode == "GOVERNANCE"
        if version.mode and not is_bypassed:
            if until < version.until and "shortens" not in self.flaws:
                raise Refused(403, "AccessDenied")
            if mode != version.mode and version.mode == "COMPLIANCE" and "weakens" not in self.flaws:
                raise Refused(403, "AccessDenied")
        if until > version.until and "never-extends" in self.flaws:
            raise Refused(403, "AccessDenied")
        version.mode, version.until = mode, until
        return 200, {}, b""


def md5(body):
    return base64.b64encode(hashlib.md5(body).digest()).decode()


def parse_time(text):
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
