"""What the tests of erasing share: people, and a look into every corner of the database."""

import re

ANNA = {"number": "+48600100200", "email": "anna.kowalczyk@poczta.example", "name": "Anna Kowalczyk"}
BOB = {"number": "+48511222333", "email": "Bob.Nowicki@Mail.Example", "name": "Bob Nowicki"}


def pattern(person):
    """Matches the person's number in any spelling, address and name."""
    national = re.escape(person["number"].removeprefix("+48"))
    digits = r"[\s().\-/+]{0,2}".join(national)
    words = [re.escape(person["email"]), re.escape(person["name"]), re.escape(person["name"].split()[1])]
    return re.compile("|".join([digits, *words, re.escape(person["email"]).replace("@", "(%40|\\\\\\\\*u0040)")]), re.IGNORECASE)


def columns(database):
    return database.rows(
        "SELECT c.table_name, c.column_name, c.data_type FROM information_schema.columns c "
        "JOIN information_schema.tables t USING (table_schema, table_name) "
        "WHERE c.table_schema = 'callhook' AND t.table_type = 'BASE TABLE' ORDER BY 1, 2"
    )


def traces(database, person):
    """[(table, column, the value's beginning)] wherever the person can be found, statistics included."""
    wanted = pattern(person)
    found = []
    for table, column, kind in columns(database):
        text = f"encode(\"{column}\", 'escape')" if kind == "bytea" else f'"{column}"::text'
        for (value,) in database.rows(f'SELECT {text} FROM callhook."{table}" WHERE "{column}" IS NOT NULL'):
            if wanted.search(value):
                found.append((table, column, value[:200]))
    for table, column, value in database.rows(
        "SELECT tablename, attname, coalesce(most_common_vals::text, '') || coalesce(histogram_bounds::text, '') "
        "FROM pg_stats WHERE schemaname = 'callhook'"
    ):
        if wanted.search(value):
            found.append(("pg_stats of " + table, column, value[:200]))
    return found


def places(found):
    return {table for table, _, _ in found}


def erased_ids(database):
    """The ids of events whose person was erased."""
    return [
        row[0]
        for row in database.rows(
            "SELECT h.epoch || '.' || lpad(e.position::text, 20, '0') FROM callhook.events e, callhook.feed_head h "
            "WHERE e.type = 'erased' ORDER BY e.position"
        )
    ]
