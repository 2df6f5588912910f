"""Debian's nginx before the hook listener, as operators have it: a private one, without privileges, on free ports of this machine."""

from support.ports import free_port
from support.program import Program, find

CONFIG = """
daemon off;
worker_processes 1;
pid {directory}/pid;
error_log {directory}/error.log info;
events {{ worker_connections 256; }}
http {{
    log_format told '$server_port|$status|$upstream_status';
    access_log {directory}/access.log told;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    client_header_timeout 1s;
    client_body_timeout 1s;
    keepalive_timeout 1s;
    lingering_timeout 1s;
    client_max_body_size 2m;
    # One kept connection: whatever is left on it meets the next request.
    upstream callhook {{ server 127.0.0.1:{upstream}; keepalive 1; }}
    proxy_pass_request_headers on;
    proxy_http_version 1.1;
    proxy_next_upstream off;
    proxy_set_header Connection "";
    proxy_set_header X-Forwarded-For $remote_addr;
    server {{ listen 127.0.0.1:{buffering}; location / {{ proxy_pass http://callhook; proxy_request_buffering on; }} }}
    server {{ listen 127.0.0.1:{streaming}; location / {{ proxy_pass http://callhook; proxy_request_buffering off; }} }}
}}
"""


class Nginx(Program):
    """`ports` has one that collects a request before it passes it on, and one that passes it on as it comes."""

    def __init__(self, upstream):
        super().__init__("nginx")
        self.ports = {"buffering": free_port(), "streaming": free_port()}
        config = CONFIG.format(directory=self.directory, upstream=upstream, **self.ports)
        (self.directory / "nginx.conf").write_text(config, encoding="ascii")

    def start(self):
        files = ["-e", str(self.directory / "error.log"), "-c", str(self.directory / "nginx.conf")]
        self.run([find("nginx"), "-p", str(self.directory), *files], self.ports.values())
        return self

    def forwarded(self):
        """How many requests it passed on, by its own account."""
        lines = (self.directory / "access.log").read_text(encoding="ascii", errors="replace").splitlines()
        return sum(line.rpartition("|")[2] != "-" for line in lines)
