"""The service, sent what its /openapi.json allows, and much that it does not: by schemathesis, which makes requests of a description.

    pip install -r tools/clients/requirements.txt
    python3 tools/clients/description.py target/release/nimbert ../shared/family

No answer is a mistake of the service, each has a status, a type and a body that the description has, and what it does not allow is
refused.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

from check import MODELS, service

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,negative_data_rejection"
# The description is of all models: what one of them cannot do at all is refused as that (424), whatever else is wrong.
CONFIGURATION = """\
[parameters]
"path.name" = "{name}"

[checks.negative_data_rejection]
expected-statuses = [400, 401, 404, 405, 413, 415, 422, 424, 429]
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("family", type=pathlib.Path)
    parser.add_argument("--examples", type=int, default=100, help="requests of each kind for each address (default: 100)")
    args = parser.parse_args()
    program = str(pathlib.Path(sys.executable).with_name("schemathesis"))
    # Each model is the one at / once, and another one has its name in the address.
    for place, first in enumerate(MODELS):
        models = [*MODELS[place:], *MODELS[:place]]
        arguments = [word for name in models for word in ("--model", str(args.family / name))]
        with service(args.program, arguments) as url, tempfile.TemporaryDirectory() as folder:
            configuration = pathlib.Path(folder, "schemathesis.toml")
            configuration.write_text(CONFIGURATION.format(name=models[1]))
            command = [program, "--config-file", str(configuration), "run", f"{url}/openapi.json", "--checks", CHECKS]
            command += ["--max-examples", str(args.examples), "--seed", "1", "--phases", "examples,coverage,fuzzing"]
            # What it remembers of a run goes with the folder.
            out = subprocess.run(command, capture_output=True, text=True, cwd=folder)
            if out.returncode:
                sys.exit(f"{first} at /:\n{out.stdout}{out.stderr}")
        print(f"{first} at /: good")


if __name__ == "__main__":
    main()
