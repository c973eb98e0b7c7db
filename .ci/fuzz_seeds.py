"""What fuzzing starts from, out of the reference data: fuzz_seeds.py FIXTURES FOLDER.

messages: each XML file, and the application message inside it; certificates (DER) and pem: each certificate file.
profiles: those that are built in.
key.der and certificate.der: the pair that some of the messages are encrypted to.
"""

import base64
import pathlib
import re
import sys

fixtures, folder = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])


def write(kind: str, name: str, content: bytes) -> None:
    (folder / kind).mkdir(parents=True, exist_ok=True)
    (folder / kind / name).write_bytes(content)


def der(pem: str) -> bytes:
    return base64.b64decode("".join(pem.split("-----")[2].split()))


for path in sorted(fixtures.rglob("*.xml")):
    name, text = "-".join(path.relative_to(fixtures).parts), path.read_bytes()
    write("messages", name, text)
    inner = re.search(rb"<(?:\w+:)?(Application(?:Request|Response))[^>]*>([A-Za-z0-9+/=\s]{40,})<", text)
    if inner:
        try:
            write("messages", "inner-" + name, base64.b64decode(b"".join(inner[2].split())))
        except ValueError:
            pass  # a file with a defect on purpose
    encrypted = re.search(rb"<xenc:EncryptedData.*</xenc:EncryptedData>", text, re.DOTALL)
    if encrypted:
        write("messages", "encrypted-" + name, encrypted[0])

for path in sorted([*fixtures.rglob("*.pem"), *fixtures.rglob("*.crt")]):
    text = path.read_text()
    if "BEGIN CERTIFICATE-" in text:
        name = "-".join(path.relative_to(fixtures).parts)
        write("pem", name, text.encode())
        write("certificates", name, der(text[text.index("-----BEGIN CERTIFICATE-") :]))

for path in sorted(pathlib.Path("shared/bank-channel/profiles").glob("*.toml")):
    write("profiles", path.name, path.read_bytes())

pair = fixtures / "_fixture_pki" / "danske_bank_enc"
write(".", "key.der", der(pair.with_suffix(".key").read_text()))
write(".", "certificate.der", der(pair.with_suffix(".pem").read_text()))
