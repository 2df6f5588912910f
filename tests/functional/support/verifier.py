"""Standard Webhooks' own library (npm package `standardwebhooks`), which knows nothing of callhook's code, as the judge of
signatures."""

import base64
import json
import pathlib
import shutil
import subprocess

from support.daemon import PATIENCE

SOURCE = pathlib.Path(__file__).resolve().parents[1] / "verifier"
FILES = ("package.json", "package-lock.json", "verify.mjs")


class Verifier:
    """Installs the library into `directory`, by the checksums of package-lock.json."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        missing = [tool for tool in ("node", "npm") if not shutil.which(tool)]
        assert not missing, f"{' and '.join(missing)} not found; install them: apt-get install nodejs npm"
        for name in FILES:
            shutil.copy(SOURCE / name, self.directory / name)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
        done = subprocess.run(command, cwd=self.directory, capture_output=True, text=True, timeout=120 * PATIENCE, check=False)
        assert done.returncode == 0, f"npm ci: {done.stderr[-2000:]}"

    def verdicts(self, *questions):
        """For each (secret, headers, body) or (secret, headers, body, at): empty where accepted, else the reason."""
        asked = [
            {"secret": secret, "headers": dict(headers), "body": base64.b64encode(body).decode()} | ({"at": at[0]} if at else {})
            for secret, headers, body, *at in questions
        ]
        done = subprocess.run(
            ["node", "verify.mjs"],
            cwd=self.directory,
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=30 * PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return ["" if answer["accepted"] else answer["reason"] for answer in json.loads(done.stdout)]

    def refusal(self, *question):
        """Of one: empty where it is accepted, else the reason."""
        return self.verdicts(question)[0]
