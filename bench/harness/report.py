"""What was measured, for people and for programs. Pure."""

from harness import goals, summary


def number(value):
    if value is None:
        return "–"
    if value != 0 and abs(value) < 10:
        return f"{value:.3g}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows)])


def results_table(rows):
    cells = [
        (row.figure, row.subject, row.metric, f"{number(row.median)} {row.unit}".strip(), f"{row.spread:.0%}" if len(row.values) > 1 else "–", len(row.values))
        for row in rows
    ]
    return table(("figure", "of", "what", "median", "spread", "rounds"), cells)


def ratios_table(rows):
    cells = [(figure, metric, peer, f"{number(times)} x") for figure, metric, peer, times in summary.ratios(rows)]
    return table(("figure", "what", "callhook against", "ratio"), cells)


def goals_table(rows):
    cells = []
    for verdict in goals.verdicts(rows):
        wanted = (" or " if verdict.goal.any_of else ", ").join(condition.wanted() for condition in verdict.goal.conditions)
        reached = ", ".join(
            f"{condition.text} {number(value)}{condition.unit}" if value is not None else f"{condition.text} –"
            for condition, value in zip(verdict.goal.conditions, verdict.reached)
        )
        cells.append((verdict.goal.name, wanted, reached, verdict.word))
    return table(("goal", "wanted", "reached", ""), cells)


def commands(samples):
    """Each number's command, once."""
    seen = {}
    for sample in samples:
        if sample.command:
            seen.setdefault(sample.command, f"{sample.figure}, {sample.subject}: {sample.metric}")
    return "\n".join(f"- {what}: `{command}`" for command, what in seen.items())


def markdown(samples, about):
    rows = summary.rows_of(samples)
    machine, versions = about["machine"], about["versions"]
    where = f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}, Linux {machine['kernel']}; {versions['callhookd']}, PostgreSQL {versions['postgresql']}"
    parts = [
        f"# What bench/run measured\n\n{where}; commit {versions['commit'][:12]}{' with changes' if versions['changed'] else ''}.",
        f"Asked for: `{about['command']}`." + (" Runs of 2 s: these show that everything works, not how fast it is." if about["quick"] else ""),
        *([f"## Failures\n\n" + "\n".join(f"- {' '.join(one.split())}" for one in about["failures"])] if about["failures"] else []),
        f"## Goals\n\n{goals_table(rows)}",
        f"## Ratios\n\n{ratios_table(rows)}",
        f"## Results\n\n{results_table(rows)}",
        f"## Commands\n\nThe first of each; the others differ in the run's number. All raw values are in the JSON.\n\n{_once_a_form(samples)}",
    ]
    return "\n\n".join(parts) + "\n"


def _once_a_form(samples):
    first = {}
    for sample in samples:
        if sample.command:
            first.setdefault(sample.key, sample)
    return commands(first.values())


def document(samples, about):
    rows = summary.rows_of(samples)
    return {
        **about,
        "rows": [
            {"figure": row.figure, "of": row.subject, "what": row.metric, "unit": row.unit, "median": row.median, "spread": row.spread, "values": row.values}
            for row in rows
        ],
        "ratios": [dict(zip(("figure", "what", "peer", "ratio"), one)) for one in summary.ratios(rows)],
        "goals": [
            {"goal": verdict.goal.name, "wanted": [c.wanted() for c in verdict.goal.conditions], "reached": verdict.reached, "verdict": verdict.word}
            for verdict in goals.verdicts(rows)
        ],
        "samples": [vars(sample) for sample in samples],
    }
