"""Reads the daemon's metrics."""


def metric(daemon, name, **labels):
    """The sum of a metric's samples that have these labels."""
    total = None
    for line in daemon.api("/metrics").body.decode().splitlines():
        if line.startswith("#") or line.split("{")[0].split(" ")[0] != name:
            continue
        if all(f'{key}="{value}"' in line for key, value in labels.items()):
            total = (total or 0.0) + float(line.rsplit(" ", 1)[1])
    return total
