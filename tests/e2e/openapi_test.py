"""docs/api/openapi.yaml and the server say the same: every route of one is in the other, and answers as documented."""
import json
import re

from harness import ROOT, main
from people_test import People, table

DOCUMENT = ROOT / "docs/api/openapi.yaml"
DOORS = {"nobody": [], "token": [{"token": []}], "host": [{"certificate": []}]}
ROLES = ("viewer", "auditor", "investigator", "approver", "verifier", "admin")


def scalar(text):
    if text.startswith('"'):
        return json.loads(text)
    if text.startswith("["):
        inside = text[1:-1].strip()
        return [scalar(each.strip()) for each in inside.split(",")] if inside else []
    return {"true": True, "false": False}.get(text, int(text) if re.fullmatch(r"0|[1-9]\d*", text) else text)


class Yaml:
    """The part of YAML that the document is written in; anything else is an error."""

    def __init__(self, text):
        self.lines = []
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip() and not line.lstrip().startswith("#"):
                if "\t" in line or line != line.rstrip():
                    raise ValueError(f"line {number}: a tab, or a blank at the end")
                self.lines.append((len(line) - len(line.lstrip()), line.lstrip(), number))

    def value(self, indent):
        return self.sequence(indent) if self.lines[0][1].startswith("- ") else self.mapping(indent)

    def sequence(self, indent):
        out = []
        while self.lines and self.lines[0][0] == indent and self.lines[0][1].startswith("- "):
            _, text, number = self.lines[0]
            self.lines[0] = (indent + 2, text[2:], number)
            out.append(self.mapping(indent + 2))
        return out

    def mapping(self, indent):
        out = {}
        while self.lines and self.lines[0][0] == indent and not self.lines[0][1].startswith("- "):
            _, text, number = self.lines.pop(0)
            found = re.fullmatch(r'("[^"]+"|[^"\[]+?):(?: (.+))?', text)
            if not found:
                raise ValueError(f"line {number}: {text}")
            key = found[1].strip('"')
            if key in out:
                raise ValueError(f"line {number}: {key} again")
            out[key] = scalar(found[2]) if found[2] else self.value(self.lines[0][0])
        if self.lines and self.lines[0][0] > indent:
            raise ValueError(f"line {self.lines[0][2]}: deeper than it should be")
        return out

    def read(self):
        out = self.mapping(0)
        if self.lines:
            raise ValueError(f"line {self.lines[0][2]}: left over")
        return out


def resolve(document, node):
    while isinstance(node, dict) and "$ref" in node:
        where = node["$ref"]
        node = document
        for step in where.removeprefix("#/").split("/"):
            node = node[step]
    return node


class OpenApi(People):
    def setUp(self):
        super().setUp()
        self.document = Yaml(DOCUMENT.read_text()).read()
        self.routes = [line.split() for line in self.ledger.stele("server", "--routes").decode().splitlines()]

    def operations(self):
        for path, methods in self.document["paths"].items():
            for method, operation in methods.items():
                yield method.upper(), path, operation

    def test_each_has_every_route_of_the_other(self):
        self.assertEqual(sorted((m, p) for m, p, _ in self.operations()), sorted((m, p) for m, p, _ in self.routes))
        doors = {(m, p): door for m, p, door in self.routes}
        for method, path, operation in self.operations():
            wanted = DOORS[doors[method, path]]
            self.assertEqual(operation["security"], wanted, path)
            named = set(re.findall(r"\{(\w+)\}", path))
            parameters = [resolve(self.document, each) for each in operation.get("parameters", [])]
            self.assertEqual({p["name"] for p in parameters if p["in"] == "path"}, named)

    def test_every_reference_leads_somewhere_and_everything_is_used(self):
        text = DOCUMENT.read_text()
        references = set(re.findall(r'"#/components/(\w+)/(\w+)"', text))
        there = {(kind, name) for kind in ("parameters", "responses", "schemas") for name in self.document["components"][kind]}
        self.assertEqual(references, there)

    def test_roles_are_those_of_the_page(self):
        from people_test import ACTIONS, CHANGES
        rights = table()
        actions = {path.split("?")[0]: action for path, action in ACTIONS.items()}
        for method, path, operation in self.operations():
            if "x-stele-roles" in operation:
                action = CHANGES[path] if method == "POST" else actions[path]
                allowed = [role for role in ROLES if rights[action][role] == "yes"]
                self.assertEqual(operation["x-stele-roles"], allowed, f"{method} {path}")

    def check_schema(self, schema, value, where):
        schema = resolve(self.document, schema)
        types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        known = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "null": type(None)}
        self.assertIn(type(value), [known[t] for t in types], where)
        if isinstance(value, dict):
            self.assertEqual(sorted(value), sorted(schema["required"]), where)
            for key, each in value.items():
                self.check_schema(schema["properties"][key], each, f"{where}.{key}")
        if isinstance(value, list):
            self.assertTrue(value, where)
            for each in value:
                self.check_schema(schema["items"], each, where)

    def ask(self, path, token=None, method="GET", host=None):
        """Status, type and body."""
        connection = self.connect(host)
        headers = {"Authorization": f"Bearer {token.read_text().strip()}"} if token else {}
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response.status, response.getheader("Content-Type"), body

    def test_each_answers_as_documented(self):
        host = self.host()
        session = self.recorded(host, "echo", "hello")
        tokens = {role: self.user(f"an-{role}", role) for role in ROLES}
        self.known(tokens["admin"])
        self.server.covered()
        for method, path, operation in self.operations():
            where = f"{method} {path}"
            documented = {int(status): resolve(self.document, r) for status, r in operation["responses"].items()}
            target = path.replace("{stream}", session).replace("{file}", "checkpoint")
            target += "?leaf=0" if path == "/v1/proof" else ""
            if method == "POST":
                status, _, _ = self.ask(target, None, "POST")
                self.assertIn(status, documented, where)
                self.assertGreaterEqual(status, 400, where)
                continue
            roles = operation.get("x-stele-roles", [None])
            by_host = operation["security"] == [{"certificate": []}]
            for role in roles:
                status, kind, body = self.ask(target, tokens.get(role), host=host if by_host else None)
                self.assertEqual(status, 200, f"{where} {role}: {body[:200]}")
                self.assertIn(kind, documented[200]["content"], where)
                schema = documented[200]["content"][kind]["schema"]
                if kind == "application/json":
                    self.check_schema(schema, json.loads(body), where)
            if by_host:
                self.assertEqual(self.ask(target, tokens["admin"])[0], 403, where)
            if "x-stele-roles" in operation:
                self.assertEqual(self.ask(target, tokens["viewer"])[0], 403)
                self.assertEqual(self.ask(target)[0], 401)
                self.assertLessEqual({401, 403, 429, 503}, set(documented), where)
            if 400 in documented:
                wrong = path.replace("{stream}", session) + "?leaf=x&from=x"
                self.assertEqual(self.ask(wrong, tokens["investigator"])[0], 400, where)
            if 404 in documented:
                nowhere = path.replace("{stream}", "00000000-0000-7000-8000-000000000000").replace("{file}", "tile/7/000")
                nowhere += "?leaf=999999999" if path == "/v1/proof" else ""
                self.assertEqual(self.ask(nowhere, tokens["investigator"])[0], 404, where)

    def test_what_is_not_documented_is_not_there(self):
        admin = self.user("amy", "admin")
        self.known(admin)
        for method, path in (("GET", "/"), ("GET", "/v1"), ("GET", "/v1/people"), ("DELETE", "/v1/sessions"), ("PUT", "/v1/hosts"),
                             ("GET", "/v1/enroll"), ("POST", "/v1/sessions"), ("GET", "/keys/log.key"), ("GET", "/v1/tokens")):
            self.assertIn(self.ask(path, admin, method)[0], (400, 404, 411, 413), f"{method} {path}")


if __name__ == "__main__":
    main()
