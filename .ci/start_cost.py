#!/usr/bin/env python3
"""What the start of the functions costs, against functions that do nothing on the same AWS services (goals G1 to G3).

    AVAIN_MINISTACK=PATH/bin/ministack PATH/bin/python .ci/start_cost.py [--all] [--starts N] [--no-build]

Builds the functions as they are shipped and the references of tests/start-cost with the same profile, for this machine's
processor; starts each many times, in turns, against a Lambda runtime API of its own and an emulated AWS; prints a table in
Markdown, and fails where a goal is missed. PATH is a virtual environment with .ci/ministack.txt (it brings boto3).
"""

import argparse
import http.server
import io
import os
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import zipfile

import boto3

ROOT = pathlib.Path(__file__).resolve().parent.parent
# One function of each kind of start; all of them with --all.
KINDS = ["init_login", "login", "login_mfa", "list_keys", "list_certs", "list_files", "upload_file", "download_file"]
# Ports (functions/FOLDER/NAME.rs asks for them) and what they add to the name of the reference that does the same for its start.
PARTS = {"identity": "_pools", "gateway": "_gateway", "blobs": "_bucket", "notifier": "_mail"}
# They carry XML and PGP.
LARGE = {"upload_file", "add_signatures", "download_file"}
CPU, MEMORY, ZIP, LARGE_ZIP = 1.30, 4 * 1024, 1_200_000, 2_000_000
REGION = "eu-north-1"
KEYS = {"region_name": REGION, "aws_access_key_id": "111122223333", "aws_secret_access_key": "test"}


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--all", action="store_true", help="every function, not one of each kind")
    options.add_argument("--starts", type=int, default=41, help="how often each is started")
    options.add_argument("--no-build", action="store_true", help="take what the last build made")
    options = options.parse_args()
    kinds = {name: reference for name, reference in functions().items() if options.all or name in KINDS}
    references = ["hello", *sorted(set(kinds.values()) - {"hello"})]
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "shipped"
    if not options.no_build:
        build("avain-functions", kinds, "--no-default-features", "--features", "aws")
        build("avain-start-cost", references)
    with tempfile.TemporaryDirectory() as folder, Emulator(folder) as emulator, RuntimeApi() as api:
        environment = emulator.fill()
        costs = measure([*references, *kinds], target, options.starts, environment, api)
    sys.exit(report(kinds, costs, options.starts))


def functions():
    """Each function with its reference."""
    found = {}
    for file in sorted((ROOT / "functions").glob("*/*.rs")):
        if file.parent.name not in ("src", "tests"):
            found[file.stem] = reference(set(re.findall(r"ports::(\w+)", file.read_text())))
    return found


def reference(ports):
    if "service_keys" in ports:
        base = "service_keys"
    elif "sealer" in ports:
        base = "table_key"
    elif "store" in ports:
        base = "table"
    else:
        return "hello"
    return base + "".join(part for port, part in PARTS.items() if port in ports)


def build(package, binaries, *options):
    begun = time.monotonic()
    names = [word for binary in binaries for word in ("--bin", binary)]
    subprocess.run(["cargo", "build", "--locked", "--profile", "shipped", "-p", package, *names, *options], cwd=ROOT, check=True)
    print(f"built {len(names) // 2} of {package} in {time.monotonic() - begun:.0f} s", file=sys.stderr)


def measure(binaries, target, starts, environment, api):
    """Of each binary: CPU microseconds to the first poll, peak KiB by then, bytes of its zip."""
    costs = {binary: ([], [], zipped(target / binary)) for binary in binaries}
    for turn in range(starts + 1):
        for binary in binaries:
            cpu, memory = start(target / binary, environment, api)
            if turn:  # the first turn fills the page cache and makes the service's keys
                costs[binary][0].append(cpu)
                costs[binary][1].append(memory)
    return {binary: (statistics.median(cpu), statistics.median(peak), size) for binary, (cpu, peak, size) in costs.items()}


def zipped(binary):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.write(binary, "bootstrap")
    return memory.tell()


def start(binary, environment, api):
    api.polled.clear()
    variables = environment | {"AWS_LAMBDA_RUNTIME_API": api.address, "AWS_LAMBDA_FUNCTION_NAME": binary.name,
                               "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST"}
    process = subprocess.Popen([binary], env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        while not api.polled.wait(0.2):
            if process.poll() is not None:
                sys.exit(f"{binary.name} ended: {process.stdout.read().decode()}")
        # It waits for the answer to its poll now, which never comes.
        proc = pathlib.Path("/proc") / str(process.pid)
        nanoseconds = sum(int((task / "schedstat").read_text().split()[0]) for task in (proc / "task").iterdir())
        status = (proc / "status").read_text()
        return nanoseconds / 1000, int(status.split("VmHWM:")[1].split()[0])
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


class RuntimeApi:
    """Lambda's runtime API as far as the first poll."""

    def __enter__(self):
        self.polled = threading.Event()
        polled = self.polled

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                polled.set()
                self.rfile.read(1)  # until the function is stopped

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.address = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()


class Emulator:
    """ministack, with what the template makes as far as a start asks for it."""

    def __init__(self, folder):
        self.folder = folder

    def __enter__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{port}"
        homes = dict.fromkeys(["HOME", "STATE_DIR", "TMPDIR"], self.folder)
        variables = homes | {"PATH": os.environ["PATH"], "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port),
                             "AWS_ENDPOINT_URL": self.endpoint, "IOT_MTLS_ENABLED": "0", "SFTP_ENABLED": "0"}
        log = open(pathlib.Path(self.folder) / "log", "wb")
        self.process = subprocess.Popen([os.environ["AVAIN_MINISTACK"]], env=variables, stdout=log, stderr=log)
        for _ in range(300):
            try:
                urllib.request.urlopen(self.endpoint + "/_ministack/ready", timeout=5)
                return self
            except OSError:
                time.sleep(0.1)
        sys.exit("ministack is not ready after 30 s")

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def fill(self):
        """Makes table, key and pools; the environment of a function."""
        client = lambda service: boto3.client(service, endpoint_url=self.endpoint, **KEYS)
        client("dynamodb").create_table(
            TableName="start", BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK")],
            KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}])
        kms, cognito = client("kms"), client("cognito-idp")
        key = kms.create_key()["KeyMetadata"]["Arn"]
        data_key = pathlib.Path(self.folder) / "data-key"
        context = {"service": "avain"}
        data_key.write_bytes(kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=context)["CiphertextBlob"])
        variables = {
            "AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": KEYS["aws_access_key_id"], "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": self.endpoint, "START_COST_DATA_KEY": str(data_key), "AVAIN_STACK": "start", "AVAIN_TABLE": "start",
            "AVAIN_KMS_KEY": key, "AVAIN_BUCKET": "start", "AVAIN_USAGE_PLAN": "start", "AVAIN_ENVIRONMENT": "production", "AVAIN_NOTICE_SENDER": "avain@example.com",
        }
        for name in ("ADMIN", "DATA"):
            pool = cognito.create_user_pool(PoolName=name)["UserPool"]["Id"]
            app = cognito.create_user_pool_client(UserPoolId=pool, ClientName=name, GenerateSecret=True)["UserPoolClient"]
            variables |= {f"AVAIN_{name}_POOL": pool, f"AVAIN_{name}_CLIENT": app["ClientId"]}
        return variables


def report(kinds, costs, starts):
    """Prints the table; 1 where a goal is missed."""
    hello, missed = costs["hello"], []
    print(f"Medians of {starts} starts each, in turns; {os.uname().machine}, profile `shipped`. CPU in milliseconds, memory in MiB, zip in kB;")
    print("each: function / reference (difference). Bold: goal missed.\n")
    print("| function | reference | start CPU | peak memory | zip | CPU against hello |")
    print("|---|---|---|---|---|---|")
    print(f"| - | hello | {hello[0] / 1000:.2f} | {hello[1] / 1024:.1f} | {hello[2] / 1000:.0f} | 1.0 |")
    for function, reference in kinds.items():
        (cpu, peak, size), (cpu_of, peak_of, size_of) = costs[function], costs[reference]
        limit = LARGE_ZIP if function in LARGE else ZIP
        cells = [
            (f"{cpu / 1000:.2f} / {cpu_of / 1000:.2f} ({cpu / cpu_of - 1:+.0%})", cpu <= CPU * cpu_of),
            (f"{peak / 1024:.1f} / {peak_of / 1024:.1f} ({(peak - peak_of) / 1024:+.1f})", peak <= peak_of + MEMORY),
            (f"{size / 1000:.0f} / {size_of / 1000:.0f} ({(size - size_of) / 1000:+.0f})", size <= size_of + limit),
        ]
        missed += [function for _, good in cells if not good]
        cells = [text if good else f"**{text}**" for text, good in cells]
        print(f"| {function} | {reference} | {' | '.join(cells)} | {cpu / hello[0]:.1f} |")
    if missed:
        print(f"\nmissed: {', '.join(missed)}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    main()
