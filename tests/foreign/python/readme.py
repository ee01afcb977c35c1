"""The integrations that the README shows, run as they stand there. HOTSEAT_URL is a demo node that is ready."""

import json
import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

import requests

URL = os.environ["HOTSEAT_URL"]
README = Path(__file__).parents[3] / "README.md"
PATIENCE = 20
# What the login API of the reader has at hand.
DEVICE, IP, AGENT = "a-cookies-id", "203.0.113.9", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def blocks(language: str) -> list[str]:
    """The code of this language in the section for login APIs, with the address of our node."""
    section = README.read_text().split("## Use it from your own login API")[1].split("\n## ")[0]
    found = re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)
    return [block.replace("http://127.0.0.1:8000", URL) for block in found]


def output_of(*command: str, **environment: str) -> str:
    environment = os.environ | environment
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Readme(unittest.TestCase):
    def setUp(self):
        requests.delete(f"{URL}/api/users/ada/sessions", headers={"Authorization": "Bearer demo-key"}, timeout=PATIENCE)

    def assert_seated(self, token: str):
        answer = requests.get(f"{URL}/api/auth/session", headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE)
        self.assertEqual(answer.json().get("user_id"), "ada", answer.text)

    def test_the_lines_of_curl_seat_a_user_and_introspect_the_token(self):
        [block] = blocks("sh")
        create, introspect = re.findall(r"^curl(?:.*\\\n)*.*", block, re.MULTILINE)
        seated = json.loads(output_of("bash", "-c", create))
        self.assertEqual((seated["session"]["user_id"], seated["takeover"]), ("ada", "none"))
        live = json.loads(output_of("bash", "-c", introspect, TOKEN=seated["token"]))
        self.assertEqual((live["active"], live["sub"]), (True, "ada"))

    def test_the_lines_of_node_seat_a_user(self):
        known = f"const [deviceId, clientIp, userAgent] = {json.dumps([DEVICE, IP, AGENT])};"
        code = f"{known}\n{blocks('js')[0]}\nconsole.log(JSON.stringify({{ token, replaced }}));"
        said = json.loads(output_of("node", "--input-type=module", "--eval", code))
        self.assertEqual(said["replaced"], [])
        self.assert_seated(said["token"])

    def test_the_lines_of_python_seat_a_user(self):
        [block] = blocks("python")
        names = {"requests": requests, "device_id": DEVICE, "client_ip": IP, "user_agent": AGENT}
        exec(compile(block, str(README), "exec"), names)
        self.assert_seated(names["token"])

    def test_who_signs_in_twice_in_one_browser_is_told_of_no_takeover(self):
        [block] = blocks("python")
        tokens = []
        for _ in range(2):
            names = {"requests": requests, "device_id": DEVICE, "client_ip": IP, "user_agent": AGENT}
            exec(compile(block, str(README), "exec"), names)
            tokens.append(names["token"])
        older = {"Authorization": f"Bearer {tokens[0]}"}
        told = requests.get(f"{URL}/api/auth/session", headers=older, timeout=PATIENCE).json()
        self.assertEqual(told["reason"], "replaced", told)

    def test_none_of_them_is_longer_than_five_lines(self):
        for language in ("sh", "js", "python"):
            lines = [line for line in blocks(language)[0].splitlines() if line and not line.startswith("#")]
            self.assertLessEqual(len(lines), 5, language)


if __name__ == "__main__":
    result = unittest.main(exit=False, verbosity=2).result
    bad = len(result.failures) + len(result.errors)
    print(f"# pass {result.testsRun - bad}\n# fail {bad}", flush=True)
    sys.exit(bad > 0)
