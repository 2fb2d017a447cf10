"""Record the lines of this folder anew: run the real servers on loopback and send each of them the same requests.

    python tests/data/formats/record.py [SERVER ...]    (they are installed, and none of them runs)

Beside each `NAME.log` it writes `NAME.json`: for every line whether it is a download, and then of which file, by which
client, on which day, with which status and how many bytes. What is expected comes from the answer that the client got
(its status, and whether its body was the file), never from the line.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

HERE = Path(__file__).parent
ZONE = "Europe/Paris"

PLAIN = b"bento-openbox-noble-24.04-amd64.iso"
FILES = {
    PLAIN: 5_000,
    b"bento-openbox-noble-24.04-amd64.iso.md5": 70,
    "dérivés/été.iso".encode(): 3_000,
    b'with "quotes" and \\backslash.iso': 2_000,
    b"with space.iso": 1_000,
}


UPLOADED = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Request:
    """What one client sends, byte for byte, and the file that it is for (None: no download, whatever the answer)."""

    client: str
    method: bytes
    target: bytes
    file: bytes | None = PLAIN
    headers: bytes = b""
    protocol: bytes = b" HTTP/1.1"
    agent: bytes = b"curl/7.88.1"
    raw: bytes = b""

    def encoded(self) -> bytes:
        if self.raw:
            return self.raw
        line = self.method + b" " + self.target + self.protocol + b"\r\n"
        if not self.protocol:
            return line
        headers = b"Host: downloads.example\r\nConnection: close\r\nUser-Agent: " + self.agent + b"\r\n" + self.headers
        return line + headers + b"\r\n"


REQUESTS = [
    Request("127.0.1.1", b"GET", b"/" + PLAIN),
    Request("127.0.1.2", b"HEAD", b"/" + PLAIN),
    Request("127.0.1.3", b"GET", b"/" + PLAIN, headers=b"Range: bytes=0-999\r\n"),
    Request("127.0.1.3", b"GET", b"/" + PLAIN, headers=b"Range: bytes=1000-\r\n"),
    Request("127.0.1.3", b"GET", b"/" + PLAIN, headers=b"Range: bytes=99999-\r\n"),
    Request("127.0.1.4", b"GET", b"/" + PLAIN, headers=b"If-Modified-Since: Thu, 01 Jan 2026 00:00:00 GMT\r\n"),
    Request("127.0.1.5", b"GET", b"/missing.iso"),
    Request("127.0.1.6", b"GET", b"/" + PLAIN + b".md5", file=None),
    Request("127.0.1.7", b"POST", b"/" + PLAIN, file=None, headers=b"Content-Length: 0\r\n"),
    Request("127.0.1.8", b"GET", b"/d%C3%A9riv%c3%a9s/%C3%A9t%C3%A9.iso", "dérivés/été.iso".encode()),
    Request("127.0.1.9", b"GET", "/dérivés/été.iso".encode(), "dérivés/été.iso".encode()),
    Request(
        "127.0.1.10",
        b"GET",
        b"/with%20%22quotes%22%20and%20%5cbackslash.iso",
        b'with "quotes" and \\backslash.iso',
    ),
    Request("127.0.1.11", b"GET", b'/with%20"quotes"%20and%20\\backslash.iso', b'with "quotes" and \\backslash.iso'),
    Request("127.0.1.12", b"GET", b"/with%20space.iso", b"with space.iso"),
    Request("127.0.1.13", b"GET", b"/with space.iso", b"with space.iso"),
    Request("127.0.1.14", b"GET", b"/" + PLAIN + b'?from="x"\\y&to=/z.iso'),
    Request("127.0.1.15", b"GET", b"/" + PLAIN + b"#part"),
    Request("127.0.1.16", b"GET", b"//nowhere/.././%62ento-openbox-noble-24.04-amd64.is%6F"),
    Request("127.0.1.17", b"GET", b"http://downloads.example/" + PLAIN),
    Request("127.0.1.18", b"GET", b"/" + PLAIN, agent=b'Agent "in quotes" \\ back\tslash ' + "été".encode()),
    Request("127.0.1.19", b"GET", b"/" + PLAIN, headers=b'Referer: http://x/"y" 200 5 "\\\r\n', agent=b"\xff\xfe"),
    Request("127.0.1.20", b"GET", b"/" + PLAIN, protocol=b" HTTP/1.0"),
    Request("127.0.1.21", b"GET", b"/" + PLAIN, protocol=b""),
    # Basic authentication nobody asked for, as the user `ad "min" \ x`.
    Request("127.0.1.22", b"GET", b"/" + PLAIN, headers=b"Authorization: Basic YWQgIm1pbiIgXCB4OnNlY3JldA==\r\n"),
    # The first three entries are what a client and its own proxy say; the last is what the proxy in front adds.
    Request("127.0.1.23", b"GET", b"/" + PLAIN, headers=b"X-Forwarded-For: evil, 10.0.0.1,192.0.2.1, 203.0.113.7\r\n"),
    Request("127.0.1.24", b"GET", b"/" + PLAIN, headers=b"X-Forwarded-For: 2001:db8::7\r\n"),
    Request("127.0.1.25", b"", b"", raw=b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    Request("127.0.1.26", b"GET", b"/" + PLAIN, headers=b"X-Forwarded-For: 203.0.113.9\r\n", agent=b""),
    Request("::1", b"GET", b"/" + PLAIN),
]


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    header: int
    body: bytes


def send(request: Request, port: int) -> Answer:
    """Send one request from its client's address and read the answer to its end."""
    family = socket.AF_INET6 if ":" in request.client else socket.AF_INET
    with socket.socket(family) as link:
        link.settimeout(10)
        link.bind((request.client, 0))
        link.connect(("::1" if ":" in request.client else "127.0.0.1", port))
        link.sendall(request.encoded())
        if not request.protocol or request.raw:
            link.shutdown(socket.SHUT_WR)
        data = b""
        try:
            while piece := link.recv(65536):
                data += piece
        except ConnectionResetError:
            pass
    if not data.startswith(b"HTTP/"):
        return Answer(200 if data else 0, 0, data)
    head, _, body = data.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" in head.lower():
        body = b"".join(re.findall(rb"[0-9a-f]+\r\n(.*?)\r\n", body, re.DOTALL))
    return Answer(int(head.split(None, 2)[1]), len(head) + 4, body)


Measure = Callable[[Answer], int]
Server = Callable[[Path, int], tuple[list[str], dict[str, "Log"]]]


@dataclass(frozen=True)
class Log:
    """What the size in a log's lines means, and whether the server writes it for its second port, not the first."""

    measure: Measure
    second: bool = False


def wire(answer: Answer) -> int:
    """What %O and $bytes_sent mean."""
    return answer.header + len(answer.body)


def body_length(answer: Answer) -> int:
    """What %b, $body_bytes_sent and Caddy's size mean."""
    return len(answer.body)


def apache(folder: Path, port: int) -> tuple[list[str], dict[str, Log]]:
    combined = r'"%h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\""'
    formats: dict[str, tuple[str, Measure]] = {
        "apache-common": (r'"%h %l %u %t \"%r\" %>s %O"', wire),
        "apache-combined": (combined, wire),
        "apache-combined-b": (combined.replace("%O", "%b"), body_length),
        "apache-vhost_combined": (combined.replace('"%h', '"%v:%p %h'), wire),
        "apache-proxied-a": (combined.replace("%h", "%a"), wire),
        "apache-proxied-xff": (combined.replace("%h", "%{X-Forwarded-For}i"), wire),
        "apache-json": (
            (
                r'"{ \"time\":\"%t\", \"remoteIP\":\"%a\", \"host\":\"%V\", \"request\":\"%U\", \"query\":\"%q\", '
                r"\"method\":\"%m\", \"status\":\"%>s\", \"bytes\":\"%O\", \"userAgent\":\"%{User-agent}i\", "
                r'\"referer\":\"%{Referer}i\" }"'
            ),
            wire,
        ),
        "apache-json-request": (
            (
                r'"{\"time\":\"%{%Y-%m-%dT%H:%M:%S%z}t\",\"client\":\"%h\",\"request\":\"%r\",\"status\":%>s,'
                r'\"size\":%B,\"referer\":\"%{Referer}i\",\"agent\":\"%{User-Agent}i\"}"'
            ),
            body_length,
        ),
    }
    # mod_remoteip changes %a, and %h with it: a virtual host of its own, on the next port.
    logs = {
        name: f'LogFormat {text} {name}\nCustomLog "{folder}/{name}.log" {name}' for name, (text, _) in formats.items()
    }
    proxied = logs.pop("apache-proxied-a")
    load = "\n".join(
        f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so"
        for name in ("mpm_event", "authz_core", "mime", "remoteip")
    )
    (folder / "httpd.conf").write_text(
        f"""
ServerRoot "{folder}"
DefaultRuntimeDir "{folder}"
PidFile "{folder}/httpd.pid"
Mutex "file:{folder}" default
ServerName downloads.example
Listen 127.0.0.1:{port}
Listen [::1]:{port}
Listen 127.0.0.1:{port + 1}
Listen [::1]:{port + 1}
{load}
User www-data
Group www-data
TypesConfig /etc/mime.types
ErrorLog "{folder}/error.log"
DocumentRoot "{folder}/www"
<Directory "{folder}/www">
    Require all granted
</Directory>
<VirtualHost *:{port}>
{chr(10).join(logs.values())}
</VirtualHost>
<VirtualHost *:{port + 1}>
RemoteIPHeader X-Forwarded-For
RemoteIPInternalProxy 127.0.0.0/8
RemoteIPInternalProxy ::1
{proxied}
</VirtualHost>
"""
    )
    return ["apache2", "-DFOREGROUND", "-f", f"{folder}/httpd.conf"], {
        name: Log(measure, second=name == "apache-proxied-a") for name, (_, measure) in formats.items()
    }


def nginx(folder: Path, port: int) -> tuple[list[str], dict[str, Log]]:
    (folder / "nginx.conf").write_text(
        f"""
daemon off;
user www-data;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ }}
http {{
    types {{ }}
    default_type application/octet-stream;
    client_body_temp_path {folder}/t1;
    proxy_temp_path {folder}/t2;
    fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4;
    scgi_temp_path {folder}/t5;
    log_format json escape=json
        '{{"time_local":"$time_local","remote_addr":"$remote_addr","remote_user":"$remote_user",'
        '"request":"$request","status":"$status","body_bytes_sent":"$body_bytes_sent",'
        '"request_time":"$request_time","http_referrer":"$http_referer","http_user_agent":"$http_user_agent"}}';
    log_format json_uri escape=json
        '{{"time":"$time_iso8601","remote_addr":"$remote_addr","x_forwarded_for":"$http_x_forwarded_for",'
        '"request_method":"$request_method","request_uri":"$request_uri","uri":"$uri","status":$status,'
        '"bytes_sent":$bytes_sent,"http_user_agent":"$http_user_agent"}}';
    server {{
        listen 127.0.0.1:{port};
        listen [::1]:{port};
        root {folder}/www;
        access_log {folder}/nginx-combined.log combined;
        access_log {folder}/nginx-json.log json;
        access_log {folder}/nginx-json-uri.log json_uri;
    }}
    log_format ingress '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" '
        '"$http_user_agent" $request_length $request_time [default-downloads-80] [] $upstream_addr '
        '$upstream_response_length $upstream_response_time $upstream_status $request_id';
    log_format proxy '[$time_local] $upstream_cache_status $upstream_status $status - $request_method $scheme $host '
        '"$request_uri" [Client $remote_addr] [Length $body_bytes_sent] [Gzip $gzip_ratio] [Sent-to $proxy_host] '
        '"$http_user_agent" "$http_referer"';
    server {{
        listen 127.0.0.1:{port + 1};
        listen [::1]:{port + 1};
        set_real_ip_from 127.0.0.0/8;
        set_real_ip_from ::1;
        real_ip_header X-Forwarded-For;
        location / {{ proxy_pass http://127.0.0.1:{port + 2}; }}
        access_log {folder}/nginx-ingress.log ingress;
        access_log {folder}/nginx-proxy-manager.log proxy;
    }}
    server {{
        listen 127.0.0.1:{port + 2};
        root {folder}/www;
        access_log off;
    }}
}}
"""
    )
    return ["nginx", "-c", f"{folder}/nginx.conf"], {
        "nginx-ingress": Log(body_length, second=True),
        "nginx-proxy-manager": Log(body_length, second=True),
        "nginx-combined": Log(body_length),
        "nginx-json": Log(body_length),
        "nginx-json-uri": Log(wire),
    }


def caddy(folder: Path, port: int) -> tuple[list[str], dict[str, Log]]:
    def site(number: int, name: str, options: str) -> str:
        return f"""
http://:{number} {{
    bind 127.0.0.1 ::1
    root * {folder}/www
    file_server
    log {{
        output file {folder}/{name}.log
        {options}
    }}
}}
"""

    text = "{\n    admin off\n    auto_https off\n}\n"
    text += site(port, "caddy-json", "format json")
    text += site(port + 1, "caddy-json-iso8601", "format json {\n            time_format iso8601\n        }")
    (folder / "Caddyfile").write_text(text)
    return ["caddy", "run", "--adapter", "caddyfile", "--config", f"{folder}/Caddyfile"], {
        "caddy-json": Log(body_length),
        "caddy-json-iso8601": Log(body_length, second=True),
    }


def lighttpd(folder: Path, port: int) -> tuple[list[str], dict[str, Log]]:
    (folder / "lighttpd.conf").write_text(
        f"""
server.modules = ("mod_accesslog")
server.document-root = "{folder}/www"
server.bind = "127.0.0.1"
server.port = {port}
$SERVER["socket"] == "[::1]:{port}" {{ }}
server.errorlog = "{folder}/error.log"
accesslog.filename = "{folder}/lighttpd.log"
"""
    )
    return ["lighttpd", "-D", "-f", f"{folder}/lighttpd.conf"], {"lighttpd": Log(body_length)}


def _behind(folder: Path, port: int, command: str) -> list[str]:
    """A command for a server before nginx, which has the files on the next port."""
    (folder / "backend.conf").write_text(
        f"daemon off; user www-data; pid {folder}/backend.pid; error_log {folder}/error.log; events {{ }}\n"
        f"http {{ access_log off; server {{ listen 127.0.0.1:{port + 1}; root {folder}/www; }} }}\n"
    )
    return ["sh", "-c", f"nginx -c {folder}/backend.conf & {command}"]


def squid(folder: Path, port: int) -> tuple[list[str], dict[str, Log]]:
    (folder / "squid.conf").write_text(
        f"""
http_port 127.0.0.1:{port} accel defaultsite=downloads.example
http_port [::1]:{port} accel defaultsite=downloads.example
cache_peer 127.0.0.1 parent {port + 1} 0 no-query originserver
http_access allow all
cache deny all
access_log stdio:{folder}/squid.log squid
cache_log {folder}/cache.log
pid_filename {folder}/squid.pid
strip_query_terms off
"""
    )
    shutil.chown(folder, "proxy")
    return _behind(folder, port, f"exec squid -N -f {folder}/squid.conf"), {"squid": Log(wire)}


def varnish(folder: Path, port: int) -> tuple[list[str], dict[str, Log]]:
    start = (
        f"varnishd -j none -n {folder}/v -F -a 127.0.0.1:{port} -a [::1]:{port} -b 127.0.0.1:{port + 1} -s malloc,10m"
    )
    log = f"sleep 2; exec varnishncsa -n {folder}/v -w {folder}/varnish.log"
    return _behind(folder, port, f"{start} & {log}"), {"varnish": Log(body_length)}


def client(name: str, request: Request) -> str:
    """Who the line names: the client that connected, or who the proxy in front says it was."""
    if name in ("apache-proxied-a", "apache-proxied-xff", "nginx-ingress", "nginx-proxy-manager"):
        found = re.search(rb"X-Forwarded-For: (.*)\r\n", request.headers)
        if found:
            return found[1].split(b",")[-1].strip().decode()
        return "-" if name == "apache-proxied-xff" else request.client
    return request.client


def wait_for(port: int) -> None:
    """Wait until a server answers there."""
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"nothing answers on port {port}")


def record(server: Server, port: int) -> None:
    """Run one server, send it everything, keep its lines and what is expected of them."""
    with tempfile.TemporaryDirectory(prefix="formats-") as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)
        for file, size in FILES.items():
            path = folder / "www" / os.fsdecode(file)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(os.urandom(size))
            os.utime(path, (UPLOADED.timestamp(), UPLOADED.timestamp()))
        command, logs = server(folder, port)
        environment = {**os.environ, "TZ": ZONE, "LC_ALL": "C.UTF-8", "HOME": temporary}
        answers: dict[int, list[Answer]] = {}
        with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, start_new_session=True) as process:
            try:
                for number in {port + log.second for log in logs.values()}:
                    wait_for(number)
                    time.sleep(3 * (server is varnish))  # until its log is written
                    answers[number] = []
                    for request in REQUESTS:
                        answers[number].append(send(request, number))
                        time.sleep(0.05)  # so that the lines of several workers keep the order of the requests
            finally:
                time.sleep(1)
                os.killpg(process.pid, signal.SIGTERM)
        day = datetime.now(ZoneInfo(ZONE)).date().isoformat()
        for name, log in logs.items():
            keep(folder, name, answers[port + log.second], day, log.measure)


def keep(folder: Path, name: str, answers: list[Answer], day: str, measure: Measure) -> None:
    shutil.copyfile(folder / f"{name}.log", HERE / f"{name}.log")
    lines = (folder / f"{name}.log").read_bytes().splitlines()
    # Squid writes a line of the look whether it answers.
    before = [None] * (len(lines) - len(answers)) if name == "squid" else []
    logged = [
        (request, answer)
        for request, answer in zip(REQUESTS, answers, strict=True)
        # Caddy and lighttpd write no line for what is not HTTP at all.
        if len(lines) == len(before) + len(answers) or answer.status not in (0, *NOT_LOGGED.get(name, ()))
    ]
    print(name, len(lines), "lines,", len(logged), "expected")
    expected: list[dict[str, object] | None] = [*before]
    for request, answer in logged:
        if request.file is None or request.method not in (b"GET", b"HEAD") or answer.status not in (200, 206):
            expected.append(None)
            continue
        content = (folder / "www" / os.fsdecode(request.file)).read_bytes()
        assert request.method == b"HEAD" or answer.body in content, "not the file"
        expected.append(
            {
                "client": client(name, request),
                "day": day,
                "file": request.file.decode(),
                "status": answer.status,
                "bytes": measure(answer),
            }
        )
    text = ",\n".join(" " + json.dumps(line, ensure_ascii=False) for line in expected)
    (HERE / f"{name}.json").write_text(f"[\n{text}\n]\n")


NOT_LOGGED: dict[str, tuple[int, ...]] = {"caddy-json": (400,), "caddy-json-iso8601": (400,)}

if __name__ == "__main__":
    servers = {server.__name__: server for server in (apache, nginx, caddy, lighttpd, squid, varnish)}
    for number, name in enumerate(sys.argv[1:] or servers):
        record(servers[name], 18700 + 10 * number)
