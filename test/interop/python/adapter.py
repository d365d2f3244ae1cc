"""What the Python adapters share: a JSON request a line on standard input, an answer a line on standard output."""

import base64
import json
import sys


class Unsupported(Exception):
    """The library lacks what was asked for."""


def data(text):
    return None if text is None else base64.b64decode(text)


def text(value):
    return None if value is None else base64.b64encode(value).decode()


def record(partition, offset, timestamp, key, value, headers):
    listed = [{"key": k, "value": text(v)} for k, v in headers or []]
    return {"partition": partition, "offset": offset, "timestamp": timestamp, "key": text(key), "value": text(value), "headers": listed}


def serve(client):
    """Answers requests by the client's methods of the same name (do_create for create) until the input ends."""
    for line in sys.stdin:
        request = json.loads(line)
        try:
            method = getattr(client, "do_" + request["op"], None)
            if method is None:
                raise Unsupported("no operation " + request["op"])
            answer = method(request) or {}
        except Unsupported as why:
            answer = {"unsupported": str(why)}
        except Exception as why:  # the suite judges it
            answer = {"error": type(why).__name__ + ": " + str(why)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
