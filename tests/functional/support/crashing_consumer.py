"""A named consumer: makes an effect of each event, a line in a file, and acknowledges what it has made. It keeps no position of
its own. Arguments: the API's URL, the consumer's name, the file."""

import http.client
import json
import sys
import time
import urllib.request


def main(base, name, effects):
    consumer = f"{base}/v1/consumers/{name}"
    file = open(effects, "ab", buffering=0)  # pylint: disable=consider-using-with # for as long as the process lives
    if file.tell():
        file.write(b"\n")  # ends the line that a kill may have cut
    while True:
        try:
            with urllib.request.urlopen(f"{consumer}/events?limit=300&timeout=2000", timeout=20) as answer:
                events = json.load(answer)
            for event in events:
                file.write(json.dumps(event).encode() + b"\n")
            if events:
                time.sleep(0.05)  # as long as a commit of the effects might take
                ack = json.dumps({"position": events[-1]["id"]}).encode()
                request = urllib.request.Request(f"{consumer}/ack", ack, {"Content-Type": "application/json"}, method="POST")
                urllib.request.urlopen(request, timeout=20).close()
        except (OSError, http.client.HTTPException):  # callhook is away, or went while it answered
            time.sleep(0.1)


if __name__ == "__main__":
    main(*sys.argv[1:])
