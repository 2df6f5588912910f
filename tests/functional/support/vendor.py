"""The simulated vendor of a test: CallPage's API over TLS for the calls of a plan, and the settings by which a daemon finds it."""

import http.client
import json
import pathlib
import ssl

from callpage_api import KEY, ApiServer, certificates
from support.daemon import render
from support.personal import private

HISTORY = "/api/v3/external/calls/history"


class Vendor:
    """Makes certificates and key file in `directory`; more arguments go to the ApiServer, which is `api`."""

    def __init__(self, directory, calls=(), source="demo", key=KEY, **how):
        self.directory = pathlib.Path(directory)
        self.source = source
        self.tls = certificates(self.directory)
        self.api = ApiServer(calls, key=key, tls=self.tls, **how)
        self.key_file = self.directory / "api.key"
        self.key_file.touch(mode=0o600)
        self.key_file.write_text(key + "\n", encoding="utf-8")
        private.secret(key)

    def start(self):
        self.api.start()
        return self

    def stop(self):
        self.api.stop()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def settings(self, **more):
        """For `make_daemon(settings)`: what the daemon's own settings of the source are to be joined with."""
        found_by = {"api_url": self.api.url, "api_key_file": str(self.key_file), "api_ca_file": str(self.tls.ca)}
        return {f"sources.{self.source}": {**found_by, **more}}

    def text(self, **more):
        """The same as the text of a configuration file."""
        return render(self.settings(**more))

    def environment(self, **more):
        """The same as environment variables."""
        (keys,) = self.settings(**more).values()
        return {f"CALLHOOK_SOURCES_{self.source.upper()}_{name.upper()}": str(value) for name, value in keys.items()}


class ApiClient:
    """Asks the API itself, over one connection that is kept."""

    def __init__(self, api, timeout=5.0, key=KEY, host="127.0.0.1"):
        context = ssl.create_default_context(cafile=api.tls.ca)
        self.connection = http.client.HTTPSConnection(host, api.port, timeout=timeout, context=context)
        self.headers = {"Accept": "application/json"} | ({"Authorization": key} if key else {})

    def bytes(self, path, method="GET"):
        """(status, headers, body)"""
        self.connection.request(method, path, headers=self.headers)
        answer = self.connection.getresponse()
        return answer.status, answer.headers, answer.read()

    def get(self, path, method="GET"):
        """(status, document)"""
        status, _, body = self.bytes(path, method)
        return status, json.loads(body)

    def history(self, query=""):
        status, document = self.get(f"{HISTORY}?{query}")
        assert status == 200, document
        return [record["id"] for record in document["data"]], document["meta"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()
