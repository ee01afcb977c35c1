"""Is the packaging consistent? Compose, Dockerfile, .dockerignore and README say the same things.

Each check is a function that yields what is wrong; nothing yielded is a pass.
"""

import fnmatch
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

COMPOSE = yaml.safe_load(Path("docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
DOCKERFILE = Path("Dockerfile").read_text()
# One instruction a line, with continuation lines joined and comments dropped.
STEPS = re.sub(r"\\\n", " ", re.sub(r"(?m)^\s*#.*\n", "", DOCKERFILE)).splitlines()
BUILD = "cargo build --release --locked"


def steps(instruction: str) -> list[str]:
    return [line.split(maxsplit=1)[1] for line in STEPS if line.startswith(instruction + " ")]


def services_are_whole() -> Iterator[str]:
    for name, service in SERVICES.items():
        if not ("image" in service or "build" in service):
            yield f"service {name} has neither image nor build"
        for other, how in service.get("depends_on", {}).items():
            if other not in SERVICES:
                yield f"service {name} depends on {other}, which is not there"
            elif how.get("condition") == "service_healthy" and other == "redis" and "healthcheck" not in SERVICES[other]:
                yield f"service {name} waits for the health of {other}, which has no check"
        for network in service.get("networks", []):
            if network not in COMPOSE["networks"]:
                yield f"service {name} is on the network {network}, which is not there"
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                if not Path(source).is_file():
                    yield f"service {name} mounts {source}, which is not there"
            elif source not in COMPOSE["volumes"]:
                yield f"service {name} uses the volume {source}, which is not there"


def there_are_two_nodes_on_one_durable_redis_behind_a_balancer() -> Iterator[str]:
    nodes = [service for service in SERVICES.values() if "build" in service]
    if len(nodes) != 2:
        yield f"{len(nodes)} nodes"
    password = SERVICES["redis"]["environment"]["REDIS_PASSWORD"]
    if {node["environment"]["HOTSEAT_STORE"] for node in nodes} != {f"redis://hotseat:{password}@redis:6379/0"}:
        yield "the nodes are not on the one Redis, as the user that it knows"
    command = " ".join(SERVICES["redis"]["command"])
    for wanted in ("--appendonly yes", "--maxmemory-policy noeviction"):
        if wanted not in command:
            yield f"Redis runs without {wanted}"
    balanced = re.findall(r"^\s*server (\w+):8000", Path("deploy/nginx.conf").read_text(), re.MULTILINE)
    if balanced != [name for name, service in SERVICES.items() if "build" in service]:
        yield f"the balancer knows {balanced}"


def prometheus_and_grafana_look_at_the_nodes() -> Iterator[str]:
    nodes = [f"{name}:8000" for name, service in SERVICES.items() if "build" in service]
    prometheus = yaml.safe_load(Path("deploy/prometheus/prometheus.yml").read_text())
    scraped = [target for job in prometheus["scrape_configs"] for of in job["static_configs"] for target in of["targets"]]
    if scraped != nodes:
        yield f"Prometheus asks {scraped}"
    for file in prometheus["rule_files"]:
        if not any(mount.startswith(f"./deploy/prometheus/{file}:") for mount in SERVICES["prometheus"]["volumes"]):
            yield f"{file} is not there for Prometheus"
    sources = yaml.safe_load(Path("deploy/grafana/provisioning/datasources/hotseat.yml").read_text())["datasources"]
    if [source["url"] for source in sources] != ["http://prometheus:9090"]:
        yield "Grafana does not ask that Prometheus"
    provider = yaml.safe_load(Path("deploy/grafana/provisioning/dashboards/hotseat.yml").read_text())["providers"][0]
    if not any(f":{provider['options']['path']}/hotseat.json:" in mount for mount in SERVICES["grafana"]["volumes"]):
        yield "the dashboard is not where Grafana looks for it"
    for name in ("prometheus", "grafana"):
        if not all(port.startswith("127.0.0.1:") for port in SERVICES[name]["ports"]):
            yield f"{name} is open to everybody"


def alerts_say_what_to_do() -> Iterator[str]:
    headings = re.findall(r"(?m)^#+ (.*)$", Path("docs/operations.md").read_text())
    anchors = {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}
    for group in yaml.safe_load(Path("deploy/prometheus/rules.yml").read_text())["groups"]:
        for rule in group["rules"]:
            name, notes = rule["alert"], rule["annotations"]
            if rule["labels"]["severity"] not in ("critical", "warning"):
                yield f"{name} has an unknown severity"
            if not notes["summary"] or not notes["description"]:
                yield f"{name} does not say what is wrong"
            document, anchor = notes["runbook"].split("#")
            if document != "docs/operations.md" or anchor not in anchors:
                yield f"{name} leads to {notes['runbook']}, which is not there"


def variables_are_keys_of_the_configuration() -> Iterator[str]:
    known = set(re.findall(r"(?m)^#{0,2}(\w+) =", Path("hotseat.example.toml").read_text()))
    variables = {name for service in SERVICES.values() for name in service.get("environment", {})}
    variables |= set(re.findall(r"\b(HOTSEAT_\w+)=", " ".join(steps("ENV"))))
    for name in sorted(variables):
        if not name.startswith("HOTSEAT_"):
            continue
        key = name.removeprefix("HOTSEAT_").lower()
        if key not in known | {"api_keys", "accounts"}:
            yield f"{name} is no key of hotseat.example.toml"


def lists_are_json() -> Iterator[str]:
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            default = re.sub(r"\$\{\w+:-(.*)\}", r"\1", str(value))
            if default.startswith("["):
                try:
                    json.loads(default)
                except ValueError as error:
                    yield f"{variable} of {name} is no JSON: {error}"


def the_image_is_built_as_the_readme_says() -> Iterator[str]:
    if BUILD not in DOCKERFILE:
        yield f"the Dockerfile does not run {BUILD}"
    if "cargo build --release" not in (readme := Path("README.md").read_text()) and "cargo run --release" not in readme:
        yield "the README does not build with --release"
    rust = re.search(r'rust-version = "([\d.]+)"', Path("Cargo.toml").read_text()).group(1)
    if f"rust:{rust}-slim" not in steps("FROM")[0]:
        yield f"the image is not built with Rust {rust}"


def what_is_copied_is_there_and_not_ignored() -> Iterator[str]:
    ignored = [line for line in Path(".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    for step in steps("COPY"):
        if step.startswith("--from="):
            continue
        for source in step.split()[:-1]:
            if not Path(source).exists():
                yield f"{source} is copied and not there"
            taken = True
            for rule in ignored:
                pattern = rule.removeprefix("!")
                if fnmatch.fnmatch(source, pattern):
                    taken = rule.startswith("!")
            if not taken:
                yield f"{source} is copied and ignored"


def the_image_runs_as_nobody_and_says_how_it_is() -> Iterator[str]:
    if steps("USER") != ["hotseat"]:
        yield "the image does not run as the user hotseat"
    if len(steps("HEALTHCHECK")) != 1:
        yield "the image has no health check"
    if not Path("deploy/healthcheck").stat().st_mode & 0o111:
        yield "deploy/healthcheck can't be run"


CHECKS = [
    services_are_whole,
    there_are_two_nodes_on_one_durable_redis_behind_a_balancer,
    prometheus_and_grafana_look_at_the_nodes,
    alerts_say_what_to_do,
    variables_are_keys_of_the_configuration,
    lists_are_json,
    the_image_is_built_as_the_readme_says,
    what_is_copied_is_there_and_not_ignored,
    the_image_runs_as_nobody_and_says_how_it_is,
]


def findings_of(check) -> list[str]:
    try:
        return list(check())
    except (OSError, KeyError) as error:
        return [f"{type(error).__name__}: {error}"]


if __name__ == "__main__":
    wrong = {check.__name__: findings_of(check) for check in CHECKS}
    for name, findings in wrong.items():
        print("ok    " if not findings else "FAILED", name.replace("_", " "))
        for finding in findings:
            print("        " + finding)
    bad = sum(1 for findings in wrong.values() if findings)
    print(f"# pass {len(wrong) - bad}\n# fail {bad}")
    sys.exit(bad > 0)
