"""What the daemon may never say: the secrets and the personal data that a test used, looked for in all that the daemon said."""

import json
import re
import urllib.parse

import psycopg2

import callpage_api
import callpage_simulator
from support import payloads

PHONE_KEYS = {"to", "tel", "tel_formatted", "number", "phone"}
TEXT_KEYS = {"message_from_client", "content", "message"}
NUMBER = re.compile(r"(?<![\w.:-])\+?\d(?:[ ()/-]{0,2}\d){6,14}(?![\w:-])")
EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]*\w")
IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w]|\.\d)")
ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
SHORTEST_PHONE, SHORTEST_NAME, SHORTEST_TEXT, SHORTEST_SECRET = 8, 3, 6, 8


def digits_of(text):
    return re.sub(r"\D", "", text)


def spellings(text):
    """The text, and what it says where it was escaped on its way into JSON or a URL."""
    yield text
    if "\\u" in text:
        yield ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    if "%" in text:
        yield urllib.parse.unquote_plus(text)


def is_of_this_machine(address):
    """Addresses that the tests listen on themselves."""
    return address.startswith("127.") or address == "0.0.0.0"


class Private:
    """Everything of the kinds that must not be said. Any e-mail address and any IP address is private, known or not."""

    def __init__(self):
        self.phones, self.names, self.texts, self.secrets, self.addresses = set(), set(), set(), set(), set()
        self.tokens = []  # of the API, the newest last
        for manager in (*callpage_simulator.MANAGERS, payloads.MANAGER):
            self.person(manager)
        self.names.update(callpage_simulator.FIRST_NAMES)
        self.texts.update(callpage_simulator.MESSAGES)
        for body in payloads.documented().values():
            self.body(body)
        self.secret(callpage_api.KEY)

    def secret(self, text):
        """A secret, or the lines of a file of them; of user:password the password too."""
        for line in text.splitlines():
            line = line.strip()
            if not line or line.startswith(("-----", "sha256:")):
                continue
            user, colon, password = line.partition(":")
            for part in (line, password if colon and user else ""):
                if len(part) >= SHORTEST_SECRET:
                    self.secrets.add(part)

    def token(self, text):
        self.tokens.append(text)
        self.secret(text)

    def phone(self, text):
        """In international notation it may be told without its country too."""
        digits = digits_of(text)
        if len(digits) < SHORTEST_PHONE:
            return
        self.phones.add(digits)
        if text.startswith("+48") and len(digits) == 11:
            self.phones.add(digits[2:])

    def person(self, who):
        self.phone(str(who.get("tel") or ""))
        self.name(who.get("name"))

    def name(self, text):
        if isinstance(text, str) and len(text) >= SHORTEST_NAME and "@" not in text:
            self.names.add(text)

    def body(self, body):
        """What a webhook or a record of the vendor's API holds; nothing where it is not JSON."""
        try:
            self._walk(json.loads(body))
        except (ValueError, RecursionError):
            pass

    def _walk(self, value):
        for item in value if isinstance(value, list) else []:
            self._walk(item)
        if not isinstance(value, dict):
            return
        if value.get("tel") or value.get("email"):
            self.person(value)
        self.name(value.get("field_value"))
        for key, item in value.items():
            if isinstance(item, str) and key in PHONE_KEYS:
                self.phone(item)
            elif isinstance(item, str) and key in TEXT_KEYS and len(item) >= SHORTEST_TEXT:
                self.texts.add(item)
            else:
                self._walk(item)

    def database(self, database):
        """All that came in, by whatever way: the vendor's API and programs of their own among them."""
        try:
            rows = database.rows("SELECT body, host(remote_addr) FROM callhook.deliveries")
        except (psycopg2.OperationalError, psycopg2.errors.UndefinedTable, RuntimeError):
            return  # the test took it away
        for body, address in rows:
            self.body(bytes(body))
            if address and not is_of_this_machine(address) and address != "::1":
                self.addresses.add(str(address))

    def leaks(self, text):
        """[(kind, place)] of what is told in it that must not be; the place is what stands around."""
        return [leak for spelling in spellings(text) for leak in self._leaks(spelling)]

    def _leaks(self, text):
        def at(kind, begin, end):
            return kind, text[max(0, begin - 120) : end + 40]

        for match in NUMBER.finditer(text):
            if digits_of(match[0]) in self.phones:
                yield at("phone", *match.span())
        for match in EMAIL.finditer(text):
            yield at("e-mail", *match.span())
        for match in IPV4.finditer(text):
            if not is_of_this_machine(match[0]):
                yield at("IP", *match.span())
        for kind, known in (("text", self.texts), ("secret", self.secrets), ("IP", self.addresses)):
            for item in known:
                if (begin := text.find(item)) >= 0:
                    yield at(kind, begin, begin + len(item))
        for item in self.names:
            if item in text and (match := re.search(rf"(?<!\w){re.escape(item)}(?!\w)", text)):
                yield at("name", *match.span())


private = Private()
_errors = []  # (what, text) of the answers and commands that ended badly since the last look
_bodies = []  # sent since the last look


def sent(body):
    _bodies.append(body)


def said(what, text):
    _errors.append((what, text if isinstance(text, str) else text.decode("utf-8", "replace")))


def nothing_private_was_said(daemons=()):
    """Fails where anything that daemons logged, measured or answered as an error tells what is private."""
    told, _errors[:] = list(_errors), []
    bodies, _bodies[:] = list(_bodies), []
    if not told and not daemons:
        return
    for body in bodies:
        private.body(body)
    for database in {one.database.url: one.database for one in daemons if hasattr(one.database, "rows")}.values():
        private.database(database)
    for one in daemons:
        told += [(f"log of {one.directory.name}", one.log_text()), *one.measured]
    found = [f"{kind} in {what}: …{place}…" for what, text in told for kind, place in private.leaks(text)]
    assert not found, "\n".join(found[:10])
