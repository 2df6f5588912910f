"""Requests that HTTP framing forbids, as raw bytes; {path} in them is a hook's. Each could be read as more than one request, or as
none, by somebody on the way: 400 and close is the only safe answer."""

from support.daemon import SECRET
from support.payloads import documented

PAYLOAD = documented()["call.new"]
LENGTH = f"Content-Length: {len(PAYLOAD)}".encode()


def head(*lines, target=None, method=b"POST", version=b"HTTP/1.1", host=b"Host: localhost"):
    """Bytes of a request head; {path} in the target is the hook's."""
    first = method + b" " + (target or b"{path}") + b" " + version
    return b"\r\n".join([first, *([host] if host else []), *lines]) + b"\r\n\r\n"


def chunk(data):
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


CHUNKED = b"Transfer-Encoding: chunked"
GOOD_CHUNKS = chunk(PAYLOAD) + b"0\r\n\r\n"

FORBIDDEN = {
    "length and chunked": head(LENGTH, CHUNKED) + GOOD_CHUNKS,
    "chunked and length": head(CHUNKED, LENGTH) + GOOD_CHUNKS,
    "length zero and chunked": head(b"Content-Length: 0", CHUNKED) + GOOD_CHUNKS,
    "transfer coding gzip": head(b"Transfer-Encoding: gzip") + PAYLOAD,
    "transfer coding identity": head(b"Transfer-Encoding: identity") + PAYLOAD,
    "transfer codings chunked, identity": head(b"Transfer-Encoding: chunked, identity") + GOOD_CHUNKS,
    "transfer codings gzip, chunked": head(b"Transfer-Encoding: gzip, chunked") + GOOD_CHUNKS,
    "transfer codings chunked, chunked": head(b"Transfer-Encoding: chunked, chunked") + GOOD_CHUNKS,
    "transfer coding xchunked with a length": head(b"Transfer-Encoding: xchunked", LENGTH) + PAYLOAD,
    "transfer coding gzip with a length": head(b"Transfer-Encoding: gzip", LENGTH) + PAYLOAD,
    "two transfer encodings": head(b"Transfer-Encoding: gzip", CHUNKED) + GOOD_CHUNKS,
    "chunked twice": head(CHUNKED, CHUNKED) + GOOD_CHUNKS,
    "empty transfer encoding": head(b"Transfer-Encoding:") + PAYLOAD,
    "quoted transfer encoding": head(b'Transfer-Encoding: "chunked"') + GOOD_CHUNKS,
    "vertical tab in the transfer encoding": head(b"Transfer-Encoding: \x0bchunked") + GOOD_CHUNKS,
    "chunked over HTTP/1.0": head(CHUNKED, version=b"HTTP/1.0") + GOOD_CHUNKS,
    "blank before the colon": head(b"Transfer-Encoding : chunked") + GOOD_CHUNKS,
    "folded transfer encoding": head(b"Transfer-Encoding:\r\n chunked") + GOOD_CHUNKS,
    "folded field": head(b"X-Long: one\r\n two", LENGTH) + PAYLOAD,
    "folded first field": b"POST {path} HTTP/1.1\r\n X: y\r\nHost: localhost\r\n" + LENGTH + b"\r\n\r\n" + PAYLOAD,
    "two lengths": head(b"Content-Length: 5", LENGTH) + PAYLOAD,
    "one length twice": head(LENGTH, LENGTH) + PAYLOAD,
    "a list of lengths": head(f"Content-Length: {len(PAYLOAD)}, {len(PAYLOAD)}".encode()) + PAYLOAD,
    "length with a plus": head(b"Content-Length: +2") + b"{}",
    "length with a minus": head(b"Content-Length: -1") + b"{}",
    "hexadecimal length": head(b"Content-Length: 0x2") + b"{}",
    "length beyond 64 bits": head(b"Content-Length: 18446744073709551616") + b"{}",
    "length with a blank inside": head(b"Content-Length: 2 2") + b"{}",
    "empty length": head(b"Content-Length:") + b"{}",
    "no host": head(LENGTH, host=None) + PAYLOAD,
    "two hosts": head(b"Host: elsewhere", LENGTH) + PAYLOAD,
    "a list of hosts": head(LENGTH, host=b"Host: a, b") + PAYLOAD,
    "bare line feeds": head(LENGTH).replace(b"\r\n", b"\n") + PAYLOAD,
    "one bare line feed": head(b"X: y\nTransfer-Encoding: chunked", LENGTH) + PAYLOAD,
    "bare carriage return in a value": head(b"X: y\rz", LENGTH) + PAYLOAD,
    "null byte in a value": head(b"X: y\0z", LENGTH) + PAYLOAD,
    "null byte in a name": head(b"X\0: y", LENGTH) + PAYLOAD,
    "empty field name": head(b": y", LENGTH) + PAYLOAD,
    "a line without a colon": head(b"Xy", LENGTH) + PAYLOAD,
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/1.2": head(LENGTH, version=b"HTTP/1.2") + PAYLOAD,
    "HTTP/0.9": b"GET {path}\r\n\r\n",
    "lower case version": head(LENGTH, version=b"http/1.1") + PAYLOAD,
    "two blanks before the version": head(LENGTH, version=b" HTTP/1.1") + PAYLOAD,
    "tab in the request line": head(LENGTH, target=b"{path}\tx") + PAYLOAD,
    "absolute form": head(LENGTH, target=b"http://localhost{path}") + PAYLOAD,
    "method that is no token": head(LENGTH, method=b"PO(ST") + PAYLOAD,
    "TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x11" * 64,
    "hexadecimal prefix of a chunk size": head(CHUNKED) + b"0x5\r\nhello\r\n0\r\n\r\n",
    "chunk size with a plus": head(CHUNKED) + b"+5\r\nhello\r\n0\r\n\r\n",
    "chunk size with a minus": head(CHUNKED) + b"-5\r\nhello\r\n0\r\n\r\n",
    "chunk size beyond 64 bits": head(CHUNKED) + b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "no chunk size": head(CHUNKED) + b"\r\nhello\r\n0\r\n\r\n",
    "chunk longer than its size": head(CHUNKED) + b"3\r\nhello\r\n0\r\n\r\n",
    "chunk size ended by a bare line feed": head(CHUNKED) + b"5\nhello\r\n0\r\n\r\n",
    "chunk ended by a bare line feed": head(CHUNKED) + b"5\r\nhello\n0\r\n\r\n",
    "too many fields": head(*[f"X-{i}: y".encode() for i in range(200)], LENGTH) + PAYLOAD,
}


def with_path(data, daemon):
    return data.replace(b"{path}", daemon.hook_path().encode())


HIDDEN = b"POST {path} HTTP/1.1\r\nHost: x\r\nX-Hidden: 1\r\nContent-Length: 2\r\n\r\n{}"
INSIDE = b"0\r\n\r\n" + HIDDEN
# {path} grows when it is replaced.
HIDDEN_SIZE = len(HIDDEN.replace(b"{path}", f"/hooks/demo/{SECRET}".encode()))
INSIDE_LENGTH = b"Content-Length: %d" % len(INSIDE.replace(b"{path}", f"/hooks/demo/{SECRET}".encode()))

# Pairs of readings: what one party takes for a body the other takes for a request. Some of them are in order by the letter of RFC
# 9112, so an answer 200 is no fault; that the hidden request is never served is what counts.
SMUGGLING = {
    "length before chunks that end early": head(INSIDE_LENGTH, CHUNKED) + INSIDE,
    "chunks before a length that ends early": head(CHUNKED, b"Content-Length: 4") + b"%x\r\n" % HIDDEN_SIZE + HIDDEN + b"\r\n0\r\n\r\n",
    "chunked behind a vertical tab": head(b"Transfer-Encoding:\x0bchunked", INSIDE_LENGTH) + INSIDE,
    "chunked behind a form feed": head(b"Transfer-Encoding:\x0cchunked", INSIDE_LENGTH) + INSIDE,
    "chunked with a trailing NUL": head(b"Transfer-Encoding: chunked\0", INSIDE_LENGTH) + INSIDE,
    "chunked, then something": head(b"Transfer-Encoding: chunked, cow", INSIDE_LENGTH) + INSIDE,
    "cow, then chunked": head(b"Transfer-Encoding: cow, chunked", INSIDE_LENGTH) + INSIDE,
    "chunked with a parameter": head(b"Transfer-Encoding: chunked;q=1", INSIDE_LENGTH) + INSIDE,
    "chunked twice in one field": head(b"Transfer-Encoding: chunked,chunked", INSIDE_LENGTH) + INSIDE,
    "chunked in a folded line": head(b"X: y\r\n Transfer-Encoding: chunked", INSIDE_LENGTH) + INSIDE,
    "chunked behind a bare line feed": head(b"X: y\nTransfer-Encoding: chunked", INSIDE_LENGTH) + INSIDE,
    "chunked behind a bare carriage return": head(b"X: y\rTransfer-Encoding: chunked", INSIDE_LENGTH) + INSIDE,
    "chunked under an underscore": head(b"Transfer_Encoding: chunked", INSIDE_LENGTH) + INSIDE,
    "chunked behind a blank before the colon": head(b"Transfer-Encoding : chunked", INSIDE_LENGTH) + INSIDE,
    "chunked behind a leading blank": head(b" Transfer-Encoding: chunked", INSIDE_LENGTH) + INSIDE,
    "chunked named by Connection": head(b"Connection: Transfer-Encoding", CHUNKED) + INSIDE,
    "length named by Connection": head(b"Connection: Content-Length", INSIDE_LENGTH) + INSIDE,
    "length under an underscore": head(b"Content_Length: 0", INSIDE_LENGTH) + INSIDE,
    "length behind a blank before the colon": head(b"Content-Length : 0", INSIDE_LENGTH) + INSIDE,
    "length zero and another": head(b"Content-Length: 0", INSIDE_LENGTH) + INSIDE,
    "length with a leading plus": head(b"Content-Length: +" + INSIDE_LENGTH.split(b" ")[1]) + INSIDE,
    "length with leading zeros": head(b"Content-Length: 000000" + INSIDE_LENGTH.split(b" ")[1]) + INSIDE,
    "length in a folded line": head(b"Content-Length:\r\n 0", INSIDE_LENGTH) + INSIDE,
    "a body with GET": head(INSIDE_LENGTH, method=b"GET") + INSIDE,
    "chunks with DELETE": head(CHUNKED, method=b"DELETE") + INSIDE,
    "a bare line feed that ends a chunk extension": head(CHUNKED) + b"2;x\nxx\r\n{}\r\n" + INSIDE,
    "a bare line feed inside a chunk extension": head(CHUNKED) + b"2;\n\r\n{}\r\n" + INSIDE,
    "a bare carriage return in a chunk extension": head(CHUNKED) + b"2;a\rb\r\n{}\r\n" + INSIDE,
    "a NUL in a chunk extension": head(CHUNKED) + b"2;a\0b\r\n{}\r\n" + INSIDE,
    "a quoted line end in a chunk extension": head(CHUNKED) + b'2;a="\r\n{}\r\n' + INSIDE,
    "a quoted string over a line end in a chunk extension": head(CHUNKED) + b'2;a="\r\n"\r\n{}\r\n' + INSIDE,
    "a quoted string that hides a chunk": head(CHUNKED) + b'2;a="\r\n{}\r\n0\r\n\r\n"\r\n{}\r\n' + INSIDE,
    "an escaped quote in a chunk extension": head(CHUNKED) + b'2;a="\\\r\n"\r\n{}\r\n' + INSIDE,
    "a chunk size of many zeros": head(CHUNKED) + b"0" * 40 + b"2\r\n{}\r\n" + INSIDE,
    "a chunk size that wraps": head(CHUNKED) + b"f" * 16 + b"\r\n{}\r\n" + INSIDE,
    "a chunk size with a blank before": head(CHUNKED) + b" 2\r\n{}\r\n" + INSIDE,
    "a chunk size with a blank behind": head(CHUNKED) + b"2 \r\n{}\r\n" + INSIDE,
    "a chunk size with an underscore": head(CHUNKED) + b"0_2\r\n{}\r\n" + INSIDE,
    "a last chunk with a body": head(CHUNKED) + b"2\r\n{}\r\n0\r\nXX" + HIDDEN,
    "a trailer that is a length": head(CHUNKED) + b"2\r\n{}\r\n0\r\nContent-Length: 60\r\n\r\n",
    "a trailer that is chunked": head(CHUNKED) + b"2\r\n{}\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "a trailer behind a bare line feed": head(CHUNKED) + b"2\r\n{}\r\n0\r\nX: y\n\r\n",
    "an upgrade to HTTP/2": head(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__", LENGTH) + PAYLOAD,
    "an upgrade to a websocket": head(b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 99", method=b"GET"),
    "an expectation and chunks": head(b"Expect: 100-continue", CHUNKED) + INSIDE,
    "an expectation and a length of zero": head(b"Expect: 100-continue", b"Content-Length: 0") + HIDDEN,
    "an unknown expectation": head(b"Expect: y 100-continue", INSIDE_LENGTH) + INSIDE,
    "a target with a line end": head(LENGTH, target=b"{path}%0d%0aX:%20y") + PAYLOAD,
    "a target with a blank": head(LENGTH, target=b"{path} HTTP/1.1\r\nX: y\r\nZ:") + PAYLOAD,
    "two lines before the request": b"\r\n\r\n" + head(LENGTH) + PAYLOAD,
    "HTTP/1.0 that stays and chunks": head(b"Connection: keep-alive", CHUNKED, version=b"HTTP/1.0") + INSIDE,
}
