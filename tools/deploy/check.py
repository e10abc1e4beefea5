"""Runs what is in this folder: the image without Docker, the unit's protocol without systemd, the proxy.

    sudo python3 tools/deploy/check.py MODEL

MODEL is a checkpoint directory or packed file. What is not installed here (nginx, systemd-analyze) is skipped and told of.
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).parent
PROJECT = HERE.parent.parent
# Of the image, without a model.
MOST_BYTES = 25_000_000


class Dockerfile:
    """What of a Dockerfile this check understands; anything else in it is an error."""

    def __init__(self, text):
        self.runs, self.copies, self.environment, self.entrypoint, self.command = [], [], {}, [], []
        self.user = None
        stage = None
        for line in text.splitlines():
            word, _, rest = line.strip().partition(" ")
            match word:
                case "" | "#" | "WORKDIR" | "EXPOSE" | "STOPSIGNAL":
                    pass
                case "FROM":
                    stage = rest.partition(" AS ")[2] or rest
                case "RUN":
                    self.runs.append(rest)
                case "COPY" if stage == "scratch":
                    _, source, target = rest.split()
                    self.copies.append((source, target))
                case "COPY":
                    assert rest == ". .", rest
                case "USER":
                    self.user = [int(number) for number in rest.split(":")]
                case "ENV":
                    self.environment.update([rest.split("=", 1)])
                case "ENTRYPOINT":
                    self.entrypoint = json.loads(rest)
                case "CMD":
                    self.command = json.loads(rest)
                case _:
                    raise ValueError(f"what is {line!r}?")

    def build(self, root):
        """Runs the build here, in a directory of its own for what it puts elsewhere, and fills `root`."""
        out = root.parent / "out"
        for command in self.runs:
            subprocess.run(command.replace("/out", shlex.quote(str(out))), shell=True, cwd=PROJECT, check=True)
        for source, target in self.copies:
            copy = root / target.lstrip("/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source.replace("/out", str(out)), copy)


def ask(url, body=None, context=None):
    """The answer of the service, from JSON."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20, context=context) as response:
        text = response.read()
        return json.loads(text) if text else None


def check_answers(url, context=None):
    labels = ask(url, {"inputs": "太好看了"}, context)[0]
    assert len(labels) > 1 and {"label", "score"} == labels[0].keys(), labels
    assert ask(f"{url}/health", context=context) is None


@contextlib.contextmanager
def running(command, **how):
    """A service, and the address that it says; asked to end, it does so with 0."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **how) as process:
        try:
            for line in process.stdout:
                if line.startswith("ready at "):
                    yield process, line.removeprefix("ready at ").strip().replace("0.0.0.0", "127.0.0.1")
                    break
        finally:
            # unshare hands on what its child ends with; a signal goes to the child itself.
            children = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=False).stdout.split()
            for child in children or [process.pid]:
                os.kill(int(child), signal.SIGTERM)
        assert process.wait(20) == 0, process.returncode


def check_image(model):
    """The image's file system, made and used as Docker would."""
    image = Dockerfile((HERE / "Dockerfile").read_text())
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        root = pathlib.Path(folder) / "root"
        root.mkdir()
        image.build(root)
        size = sum(file.stat().st_size for file in root.rglob("*") if file.is_file())
        assert size <= MOST_BYTES, f"{size} bytes"
        # Docker mounts it; here it is copied.
        at = root / image.environment["NIMBERT_MODEL"].lstrip("/")
        shutil.copytree(model, at) if model.is_dir() else shutil.copy(model, at)
        user, group = image.user
        command = ["unshare", "--pid", "--fork", "chroot", f"--userspec={user}:{group}", str(root), *image.entrypoint, *image.command]
        environment = {**image.environment, "NIMBERT_PORT": "0", "NIMBERT_LOG_FORMAT": "off"}
        with running(command, env={"PATH": os.environ["PATH"], **environment}) as (_, url):
            check_answers(url)
        print(f"image: {size:,} bytes, answers as process 1 of an empty root")
        return shutil.copy(root / "nimbert", folder + ".nimbert")


def check_unit(program, model):
    """That a manager hears when the service is ready and when it ends, and that systemd understands the unit."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        path = f"{folder}/notify"
        manager.bind(path)
        manager.settimeout(20)
        command = [program, "serve", "--port", "0", "--log", "off", "--model", str(model)]
        with running(command, env={**os.environ, "NOTIFY_SOCKET": path}) as (_, url):
            assert manager.recv(100) == b"READY=1"
            check_answers(url)
        assert manager.recv(100) == b"STOPPING=1"
        print("unit: told when it is ready, and when it ends")
        if not shutil.which("systemd-analyze"):
            print("unit: skipped systemd's own look at it: no systemd-analyze")
            return
        unit = pathlib.Path(folder) / "nimbert.service"
        unit.write_text((HERE / "nimbert.service").read_text().replace("/usr/local/bin/nimbert", str(program)))
        subprocess.run(["systemd-analyze", "verify", unit], check=True)
        score = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=25", unit], capture_output=True, text=True, check=True)
        print("unit:", score.stdout.strip().splitlines()[-1].lstrip("→ "))


def check_proxy(program, model):
    """HTTPS through nginx, with the example as it stands but for its paths and ports."""
    if not (shutil.which("nginx") and shutil.which("openssl")):
        print("proxy: skipped: no nginx and openssl")
        return
    with tempfile.TemporaryDirectory() as folder:
        name = ["-subj", "/CN=stars.example.org", "-addext", "subjectAltName=IP:127.0.0.1"]
        key = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1", *name]
        subprocess.run([*key, "-keyout", f"{folder}/stars.key", "-out", f"{folder}/stars.pem"], check=True, capture_output=True)
        command = [program, "serve", "--port", "0", "--log", "off", "--model", str(model)]
        with running(command) as (_, url), socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
            free.close()
            site = (HERE / "nginx.conf").read_text().replace("/etc/nginx", folder).replace("listen 443", f"listen 127.0.0.1:{port}")
            site = site.replace("127.0.0.1:8080", url.removeprefix("http://"))
            config = f"daemon off; error_log {folder}/error.log; pid {folder}/pid; events {{}} http {{ access_log {folder}/access.log;\n{site} }}"
            pathlib.Path(folder, "nginx.conf").write_text(config)
            with subprocess.Popen(["nginx", "-c", f"{folder}/nginx.conf", "-p", folder]) as proxy:
                try:
                    for _ in range(100):
                        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                            break
                        time.sleep(0.05)
                    trusted = ssl.create_default_context(cafile=f"{folder}/stars.pem")
                    for _ in range(20):
                        check_answers(f"https://127.0.0.1:{port}", trusted)
                    try:
                        ask(f"https://127.0.0.1:{port}", {"inputs": "x" * 3_000_000}, trusted)
                    except urllib.error.HTTPError as error:
                        assert error.code == 413, error
                    else:
                        raise AssertionError("three megabytes were taken")
                finally:
                    proxy.terminate()
            lines = re.findall(r'" (\d+) ', pathlib.Path(folder, "access.log").read_text())
            print(f"proxy: {len(lines)} requests over HTTPS")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    model = parser.parse_args().model.resolve()
    if os.geteuid():
        parser.error("this needs root, to change the root of a process's file system")
    program = check_image(model)
    try:
        check_unit(program, model)
        check_proxy(program, model)
    finally:
        os.remove(program)


if __name__ == "__main__":
    main()
