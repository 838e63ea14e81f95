"""A Hugging Face hub on this machine: what pushing and pulling a model asks of the real one, and nothing else."""

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

COMMIT = "c" * 40
TOKEN = "hf_of_the_tests"


class Hub:
    def __init__(self):
        self.repos = {}  # name: {path: bytes}
        self.private = {}
        self.asked = []
        handler = type("Handler", (_Handler,), {"hub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def log_message(self, *_):
        pass

    def answer(self, status, data=b"", **headers):
        if not isinstance(data, bytes):
            data = json.dumps(data).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), "X-Repo-Commit": COMMIT, **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlsplit(self.path).path
        self.hub.asked.append(path)
        if path == "/api/validate-yaml":
            return self.answer(200, {"errors": [], "warnings": []})
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.answer(401, {"error": "Invalid username or password."})
        if path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            self.hub.repos.setdefault(name, {})
            self.hub.private[name] = asked.get("private", asked.get("visibility") == "private")
            return self.answer(200, {"url": f"{self.hub.address}/{name}", "name": name})
        name, _, action = path.removeprefix("/api/models/").rpartition("/")[0].rpartition("/")
        if action == "preupload":
            kind = {"uploadMode": "regular", "shouldIgnore": False}
            files = [{"path": file["path"], **kind} for file in json.loads(body)["files"]]
            return self.answer(200, {"files": files, "commitOid": COMMIT})
        if action == "commit":
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    self.hub.repos[name][line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            return self.answer(200, {"commitUrl": f"{self.hub.address}/{name}/commit/{COMMIT}", "commitOid": COMMIT})
        return self.answer(404)

    def do_GET(self):
        path = urlsplit(self.path).path
        self.hub.asked.append(path)
        for name, files in self.hub.repos.items():
            if path.startswith(f"/api/models/{name}/revision/"):
                siblings = [{"rfilename": file} for file in files]
                return self.answer(200, {"id": name, "sha": COMMIT, "siblings": siblings})
            if path.startswith(f"/api/models/{name}/tree/"):
                told = [{"path": file, "size": len(data), "oid": _oid(data)} for file, data in files.items()]
                return self.answer(200, [{"type": "file", **each} for each in told])
            if path.startswith(f"/{name}/resolve/"):
                data = files[path.removeprefix(f"/{name}/resolve/").partition("/")[2]]
                return self.answer(200, data, ETag=f'"{_oid(data)}"')
        return self.answer(404, {"error": "Repository not found"}, X_Error_Code="RepoNotFound")

    do_HEAD = do_GET  # noqa: N815


def _oid(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
