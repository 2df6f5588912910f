"""A migration leaves the daemons of the previous version at work: it adds, and takes nothing away, and it holds no table for
long. docs/upgrade.md promises that."""

import pathlib
import re

import pytest

MIGRATIONS = sorted((pathlib.Path(__file__).resolve().parents[2] / "migrations").glob("*.sql"))
# Those that grow: what rewrites or scans one of them holds up webhooks or the feed.
LARGE = {"deliveries", "outcomes", "events", "calls", "messages"}
# From before the first release, when there was no previous version.
BEFORE_RELEASE = {("0002_backfill", "rewrites calls"), ("0002_backfill", "index on calls")}

ALWAYS_WRONG = [
    (r"\bDROP\s+(?!CONSTRAINT|NOT\s+NULL)", "drops something"),
    (r"\bRENAME\b", "renames something"),
    (r"\bTRUNCATE\b", "truncates"),
    (r"\bSET\s+NOT\s+NULL\b", "sets NOT NULL, so what the previous version writes may be refused"),
    (r"\bALTER\s+(?:COLUMN\s+)?\w+\s+(?:SET\s+DATA\s+)?TYPE\b", "changes a type"),
    (r"\bREVOKE\b", "takes a right away"),
]


def statements(sql):
    """Without comments, bodies of functions and literals."""
    sql = re.sub(r"\$(\w*)\$.*?\$\1\$", "''", sql, flags=re.DOTALL)
    sql = re.sub(r"'(?:[^']|'')*'", "''", sql)
    sql = re.sub(r"--[^\n]*", "", sql)
    return [" ".join(one.split()) for one in sql.split(";") if one.strip()]


def table_of(statement, pattern):
    found = re.search(pattern, statement, re.IGNORECASE)
    return found[1] if found else None


def faults(name, sql):
    """What is wrong with a migration after the first, each in a few words."""
    all_of_it = statements(sql)
    made = {table_of(s, r"^CREATE TABLE (\w+)") for s in all_of_it}
    out = []
    for s in all_of_it:
        if re.match(r"COMMENT ON\b", s, re.IGNORECASE):
            continue
        out += [what for pattern, what in ALWAYS_WRONG if re.search(pattern, s, re.IGNORECASE)]
        altered = table_of(s, r"^ALTER TABLE (?:ONLY )?(\w+)")
        for column in re.findall(r"ADD COLUMN .*?(?=, ADD |$)", s, re.IGNORECASE) if altered not in made else []:
            generated = re.search(r"\bGENERATED\b", column, re.IGNORECASE)
            if re.search(r"\bNOT NULL\b", column, re.IGNORECASE) and not generated and not re.search(r"\bDEFAULT\b", column, re.IGNORECASE):
                out.append("adds a column that the previous version does not fill")
            if generated and altered in LARGE:
                out.append(f"rewrites {altered}")
        constraint = re.search(r"DROP CONSTRAINT (\w+)", s, re.IGNORECASE)
        if constraint and not any(re.search(rf"ADD CONSTRAINT {constraint[1]}\b", other, re.IGNORECASE) for other in all_of_it):
            out.append("drops a constraint without a wider one in its place")
        if altered and altered not in made and re.search(r"ADD CONSTRAINT", s, re.IGNORECASE) and "NOT VALID" not in s.upper():
            out.append(f"scans {altered} under a lock; add the constraint NOT VALID")
        indexed = table_of(s, r"^CREATE (?:UNIQUE )?INDEX \w+ ON (\w+)")
        if indexed in LARGE - made:
            out.append(f"index on {indexed}")
        written = table_of(s, r"^(?:UPDATE|DELETE FROM) (\w+)")
        if written in LARGE:
            out.append(f"rewrites {written}")
    return [what for what in out if (name, what) not in BEFORE_RELEASE]


@pytest.mark.parametrize("path", MIGRATIONS[1:], ids=lambda path: path.stem)
def test_a_migration_only_adds(path):
    assert faults(path.stem, path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "sql, count",
    [
        ("DROP TABLE calls", 1),
        ("ALTER TABLE calls DROP COLUMN phone", 1),
        ("ALTER TABLE calls RENAME COLUMN phone TO number", 1),
        ("ALTER TABLE calls ALTER COLUMN phone TYPE bytea", 1),
        ("ALTER TABLE calls ALTER COLUMN phone SET NOT NULL", 1),
        ("ALTER TABLE calls ADD COLUMN more text NOT NULL", 1),
        ("ALTER TABLE calls ADD COLUMN more text, ADD COLUMN even_more text NOT NULL", 1),
        ("ALTER TABLE calls ADD COLUMN more text GENERATED ALWAYS AS (phone) STORED", 1),
        ("ALTER TABLE outcomes DROP CONSTRAINT outcomes_result_check", 1),
        ("ALTER TABLE calls ADD CONSTRAINT phone CHECK (phone <> '')", 1),
        ("CREATE INDEX more ON calls (phone)", 1),
        ("UPDATE events SET type = ''", 1),
        ("ALTER TABLE calls ADD COLUMN more text", 0),
        ("ALTER TABLE calls ADD COLUMN more text NOT NULL DEFAULT ''", 0),
        ("ALTER TABLE calls ALTER COLUMN phone DROP NOT NULL", 0),
        ("ALTER TABLE outcomes DROP CONSTRAINT a; ALTER TABLE outcomes ADD CONSTRAINT a CHECK (b IN ('c')) NOT VALID", 0),
        ("CREATE TABLE more (a text NOT NULL); CREATE INDEX more_a ON more (a); -- DROP TABLE\n UPDATE feed_head SET a = 'DROP TABLE'", 0),
        ("CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ DROP TABLE calls $$; COMMENT ON FUNCTION f IS 'RENAME'", 0),
    ],
)
def test_a_planted_statement_is_judged(sql, count):
    assert len(faults("9999_planted", sql)) == count, faults("9999_planted", sql)
