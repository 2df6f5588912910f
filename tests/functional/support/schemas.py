"""What callhook says of itself, as served: the JSON Schema of the events, and the description of the API."""

import json
import re

import yaml
from jsonschema import Draft202012Validator, FormatChecker

METHODS = ("get", "put", "post", "delete")
EVENTS = "schemas/events.json#"


def faults(schema, value):
    """What is wrong with a value, each as `place: what`."""
    found = Draft202012Validator(schema, format_checker=FormatChecker()).iter_errors(value)
    return [f"{fault.json_path}: {fault.message[:300]}" for fault in found]


def event_schema(daemon):
    answer = daemon.api("/schemas/events.json")
    assert answer.status == 200 and answer.header("Content-Type") == "application/schema+json"
    Draft202012Validator.check_schema(answer.json())
    return answer.json()


def moved(part, before, after):
    """The same with every reference that begins with `before` beginning with `after`."""
    if isinstance(part, list):
        return [moved(one, before, after) for one in part]
    if not isinstance(part, dict):
        return part
    return {
        key: value.replace(before, after, 1) if key == "$ref" and value.startswith(before) else moved(value, before, after)
        for key, value in part.items()
    }


class Description:
    """The API's description; remembers which operations with which statuses were held against it."""

    def __init__(self, daemon):
        answer = daemon.api("/openapi.yaml")
        assert answer.status == 200 and answer.header("Content-Type") == "application/yaml"
        self.document = moved(yaml.safe_load(answer.body), EVENTS, "#/events")
        # Both documents as one: no reference leads out of it.
        self.document["events"] = moved(event_schema(daemon), "#", "#/events")
        self.checked = set()

    def operations(self):
        return {
            (method.upper(), path): operation
            for path, item in self.document["paths"].items()
            for method, operation in item.items()
            if method in METHODS
        }

    def promised(self):
        """(method, path, status) of all that is described."""
        return {(method, path, int(status)) for (method, path), it in self.operations().items() for status in it["responses"]}

    def resolved(self, part):
        while "$ref" in part and len(part) == 1:
            at = self.document
            for step in part["$ref"][2:].split("/") if part["$ref"] != "#/events" else ["events"]:
                at = at[step]
            part = at
        return part

    def operation_of(self, method, target):
        path = target.split("?")[0]
        for (known, pattern), operation in self.operations().items():
            if known == method and re.fullmatch(re.sub(r"\{[a-z_]+\}", "[^/]+", pattern), path):
                return pattern, operation
        raise AssertionError(f"{method} {path} is not described")

    def schema(self, part):
        return {**part, "components": self.document["components"], "events": self.document["events"]}

    def check(self, method, target, answer):
        """Fails unless the answer is one of those described, in status, media type, headers and body."""
        pattern, operation = self.operation_of(method, target)
        what = f"{method} {target}: {answer}"
        assert str(answer.status) in operation["responses"], what
        said = self.resolved(operation["responses"][str(answer.status)])
        for name, header in said.get("headers", {}).items():
            if header.get("required", True):
                assert answer.header(name), f"{name} is missing: {what}"
        content = said.get("content")
        if content is None:
            assert not answer.body, what
        else:
            media_type = answer.header("Content-Type", "").split(";")[0]
            assert media_type in content, f"{media_type}: {what}"
            schema = content[media_type]["schema"]
            for value in self.values(media_type, answer):
                wrong = faults(self.schema(schema), value) or self.undescribed(schema, value)
                assert not wrong, f"{wrong[:5]}: {what}"
        self.checked.add((method, pattern, answer.status))
        return answer

    @staticmethod
    def values(media_type, answer):
        if media_type == "application/x-ndjson":
            return [json.loads(line) for line in answer.body.splitlines()]
        if media_type.endswith("json"):
            return [answer.json()]
        return [answer.body.decode()]

    def parts(self, schema):
        """The schema and all that must hold beside it."""
        schema = dict(schema)
        out = [schema]
        if "$ref" in schema:
            out += self.parts(self.resolved({"$ref": schema["$ref"]}))
        for part in schema.get("allOf", []):
            out += self.parts(part)
        return out

    def undescribed(self, schema, value, place="$"):
        """Fields of an answer that the description does not name."""
        parts = self.parts(schema)
        if isinstance(value, list):
            items = next((part["items"] for part in parts if "items" in part), None)
            return [fault for one in value for fault in self.undescribed(items, one, f"{place}[]")] if items else []
        if not isinstance(value, dict):
            return []
        out = []
        named = {name: inner for part in parts for name, inner in part.get("properties", {}).items()}
        open_to_all = any("additionalProperties" in part for part in parts) or not named
        for name, inner in value.items():
            if name in named:
                out += self.undescribed(named[name], inner, f"{place}.{name}") if isinstance(named[name], dict) else []
            elif not open_to_all:
                out.append(f"{place}.{name} is not described")
        return out
