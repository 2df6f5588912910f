"""A sender that forgives nothing, as a program that needs nothing but Python: it runs in the network of a machine under test."""

PROGRAM = r'''
import json, socket, sys, threading

path, template = sys.argv[1:3]
ending, accepted, failures = threading.Event(), [], []


def answer(connection, left=b""):
    while b"\r\n\r\n" not in left:
        more = connection.recv(65536)
        if not more:
            raise ConnectionError("closed without an answer")
        left += more
    head, _, body = left.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").lower().split("\r\n")
    fields = dict(line.split(": ", 1) for line in lines[1:])
    while len(body) < int(fields.get("content-length", 0)):
        body += connection.recv(65536)
    return int(lines[0].split(" ")[1]), fields.get("connection") == "close"


def send(lane, kept):
    connection, count = None, 0
    while not ending.wait(0.01):
        count += 1
        body = (template % (lane * 1000000 + count)).encode()
        more = "" if kept else "Connection: close\r\n"
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{more}Content-Length: {len(body)}\r\n\r\n"
        try:
            connection = connection or socket.create_connection(("127.0.0.1", 8080), 60)
            connection.sendall(head.encode() + body)
            status, last = answer(connection)
        except OSError as failure:
            failures.append(repr(failure))
            connection = None
            continue
        (accepted if status == 200 else failures).append(status)
        if last:
            connection.close()
            connection = None


threads = [threading.Thread(target=send, args=(lane, lane < 3)) for lane in range(1, 5)]
for one in threads:
    one.start()
sys.stdin.readline()
ending.set()
for one in threads:
    one.join()
print(json.dumps({"accepted": len(accepted), "failures": failures}))
'''
