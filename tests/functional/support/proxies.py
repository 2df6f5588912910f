"""Debian's nginx and Caddy with the configurations of config/: real ones, without privileges, on free ports of this machine."""

import os
import pathlib
import shutil
import subprocess

from support.abuse import From, connect
from support.ports import free_port
from support.program import Program, find

CONFIG = pathlib.Path(__file__).resolve().parents[3] / "config"
SENDER = "127.0.0.77"  # an address of this machine that is nobody else's here
PEOPLE = ("anna", "correct-horse-battery-staple")
# As caddy hash-password makes it, but of little work.
BCRYPT = "$2b$04$abcdefghijklmnopqrstuuvmHCm.L9dn41XyF2XEemEOKRtNaxWva"
NGINX = """
daemon off;
worker_processes 1;
pid {directory}/pid;
error_log {directory}/error.log info;
events {{ worker_connections 1024; }}
http {{
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    {includes}
}}
"""


class Proxy(Program):
    """One of them in front of one daemon or, for webhooks, several: `port` is for webhooks, `api_port` for the API, both in TLS.

    A configuration of config/ is used as it is but for what every operator has to fill in, and for where this machine lets it write."""

    def __init__(self, daemons, authority, token="", name="localhost"):
        super().__init__("proxy")
        self.daemons, self.token, self.name = daemons, token, name
        certificate = authority.issue("server")
        for source, name in ((certificate.file, "fullchain.pem"), (certificate.key, "privkey.pem")):
            shutil.copy(source, self.directory / name)
        self.context = authority.context()
        self.port, self.api_port = free_port(), free_port()
        self.given = set()  # the files that it was given

    def hooks_ports(self):
        """Of one daemon twice, as the configuration has it; of several each once."""
        return [daemon.hooks_port for daemon in self.daemons] if len(self.daemons) > 1 else [self.daemons[0].hooks_port] * 2

    def adapted(self, name, replaced):
        """A file of config/ with each text that is a key exchanged for its value; each must be there."""
        text = (CONFIG / name).read_text(encoding="utf-8")
        for before, after in replaced.items():
            assert before in text, f"{name} does not say {before}"
            text = text.replace(before, str(after))
        path = self.directory / pathlib.PurePath(name).name
        path.write_text(text, encoding="utf-8")
        return path

    def start(self):
        command = self.command()
        self.given = set(self.directory.iterdir())
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.directory), "CALLHOOK_API_TOKEN": self.token}
        self.run(command, (self.port, self.api_port), environment)
        return self

    def said(self):
        """All that it wrote, to whatever file."""
        files = [path for path in self.directory.rglob("*") if path.is_file() and path not in self.given]
        return "\n".join(path.read_bytes().decode("utf-8", "replace") for path in files)


class Nginx(Proxy):
    def command(self):
        places = {"/etc/ssl/callhook/": f"{self.directory}/", "/var/log/nginx/": f"{self.directory}/"}

        def listening(port, name):
            return {"listen 443 ssl": f"listen 127.0.0.1:{port} ssl", "listen [::]:443 ssl": f"listen [::1]:{port} ssl", name: self.name}

        one = "    server 127.0.0.1:8080 max_fails=0;\n"
        upstream = "".join(one.replace("8080", str(port)) for port in self.hooks_ports())
        api = {"127.0.0.1:8081": f"127.0.0.1:{self.daemons[0].api_port}", **listening(self.api_port, "callhook.example.com"), **places}
        files = [
            self.adapted("nginx/callhook-upstream.conf", {one + one: upstream}),
            self.adapted("nginx/callhook.conf", {**listening(self.port, "hooks.example.com"), **places}),
            self.adapted("nginx/callhook-api.conf", {**api, "/etc/nginx/": f"{self.directory}/"}),
        ]
        name, password = PEOPLE
        digest = subprocess.run(["openssl", "passwd", "-6", password], capture_output=True, text=True, check=True).stdout.strip()
        (self.directory / "callhook-api.users").write_text(f"{name}:{digest}\n", encoding="ascii")
        (self.directory / "callhook-api.token").write_text(f'default "Bearer {self.token}";\n', encoding="ascii")
        main = self.directory / "nginx.conf"
        includes = "\n    ".join(f"include {path};" for path in files)
        main.write_text(NGINX.format(directory=self.directory, includes=includes), encoding="ascii")
        return [find("nginx"), "-p", str(self.directory), "-e", str(self.directory / "error.log"), "-c", str(main)]


class Caddy(Proxy):
    def command(self):
        (self.directory / "callhook-api.users").write_text(f"{PEOPLE[0]} {BCRYPT}\n", encoding="ascii")
        places = {"/etc/ssl/callhook/": f"{self.directory}/"}
        api = self.adapted(
            "caddy/callhook-api.caddy",
            {
                "127.0.0.1:8081": f"127.0.0.1:{self.daemons[0].api_port}",
                "callhook.example.com": f"https://{self.name}:{self.api_port}",
                "/etc/caddy/": f"{self.directory}/",
                **places,
            },
        )
        main = self.adapted(
            "caddy/Caddyfile",
            {
                "127.0.0.1:8080": " ".join(f"127.0.0.1:{daemon.hooks_port}" for daemon in self.daemons),
                "hooks.example.com": f"https://{self.name}:{self.port}",
                "auto_https disable_redirects": f"auto_https disable_redirects\n\tadmin off\n\thttp_port {free_port()}\n\tskip_install_trust",
                **places,
            },
        )
        main.write_text(f"{main.read_text(encoding='utf-8')}\nimport {api}\n", encoding="utf-8")
        return [find("caddy"), "run", "--adapter", "caddyfile", "--config", str(main)]


class Sender(From):
    """A client with an address of its own, in TLS."""

    def __init__(self, proxy, address=SENDER, timeout=30.0):
        self.socket = proxy.context.wrap_socket(connect(proxy.port, address, timeout=timeout), server_hostname="localhost")
        self.left = b""

    def ask(self, data):
        self.send(data)
        return self.answer()


PROXIES = {"nginx": Nginx, "caddy": Caddy}
