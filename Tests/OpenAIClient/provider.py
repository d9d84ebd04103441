"""A provider with OpenAI's API, for tests: it answers as the requested model says, and keeps what it received.

    plain           a completion, or a stream of its words; so does every model that is not named here
    stream          the same, with 100 ms between the events of a stream
    late-end        the same, with 500 ms between a stream's last event and the end of the response
    tools           calls a function
    error-…         see ERRORS
    hang            never answers
    abort           a stream whose connection is closed in the middle
    endless         a stream with an event each 50 ms that does not end
"""

import base64
import itertools
import json
import struct
import sys
import threading
import time
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# In every text that the provider sends, so that a test can look for it where no such text may be.
MARKER = "Mirabellenkompott"

WORDS = ["Noch", "mehr", MARKER, "für", "alle", "🍐", "\"0.1\"", "Löffel"]
TEXT = " ".join(WORDS)
WORDS_BEFORE_ABORT = 3

FUNCTION = "cook"
# A function's arguments are a text for every party: the spaces, the order and the numbers' notation are the model's.
ARGUMENTS = '{"dish":  "%s", "sugar": 1e-7,"salt":0.10, "id": 12345678901234567890123, "pot": "\\u00fc/\\/"}' % MARKER

USAGE = {
    "prompt_tokens": 19,
    "completion_tokens": 8,
    "total_tokens": 27,
    "prompt_tokens_details": {"cached_tokens": 3, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 2, "audio_tokens": 0, "accepted_prediction_tokens": 0},
}
EMBEDDINGS_USAGE = {"prompt_tokens": 5, "total_tokens": 5}
# As 32-bit floats they are exact.
VECTORS = [[0.5, -0.25, 1.0], [0.0, 3.5, -2.0]]
MODELS = ["plain", "stream", "tools"]

ERRORS = {
    "error-400": {
        "message": f"Invalid value: '{MARKER}'.",
        "type": "invalid_request_error",
        "param": "stop",
        "code": "invalid_value",
    },
    "error-429": {
        "message": f"Rate limit reached for {MARKER}.",
        "type": "requests",
        "param": None,
        "code": "rate_limit_exceeded",
    },
}
HTML = f"<html><head><title>500</title></head><body><h1>{MARKER}</h1></body></html>\n"

PAUSES = {"stream": 0.1, "endless": 0.05, "abort": 0.05}


@dataclass
class Request:
    """What was received, and how far the provider came with its answer."""

    method: str
    path: str
    headers: Message
    body: bytes
    arrived: float = field(default_factory=time.monotonic)
    # The body of the response, as far as it was sent, without what HTTP puts around it.
    sent: bytes = b""
    is_answered: bool = False
    # Set when the connection was closed before the end of the response, and when that was.
    hung_up: threading.Event = field(default_factory=threading.Event)
    hung_up_at: float = 0

    @property
    def json(self):
        return json.loads(self.body)


class Provider(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    # Five, the default, are few for many clients that come at once.
    request_queue_size = 256

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.received = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def stop(self):
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address):
        # A connection may break between two requests too, and that is no error of the provider.
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self):
        self.receive()

    def do_POST(self):
        self.receive()

    def log_message(self, format, *arguments):
        pass

    def receive(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.request_in_hand = Request(self.command, self.path, self.headers, body)
        self.server.received.append(self.request_in_hand)
        try:
            self.answer(self.request_in_hand)
        except OSError:
            self.note_hang_up()
        self.request_in_hand.is_answered = True

    def answer(self, request):
        if (request.method, request.path) == ("GET", "/v1/models"):
            models = [{"id": model, "object": "model", "created": 1, "owned_by": "tests"} for model in MODELS]
            return self.send_json(200, {"object": "list", "data": models})
        asked = request.json
        model = asked["model"]
        if request.path == "/v1/embeddings":
            self.send_json(200, embeddings(asked))
        elif request.path != "/v1/chat/completions":
            self.send_json(404, {"error": {"message": "Unknown path", "type": "invalid_request_error", "code": None}})
        elif model == "error-429":
            self.send_json(429, {"error": ERRORS[model]}, {"Retry-After": "7"})
        elif model == "error-400":
            self.send_json(400, {"error": ERRORS[model]})
        elif model == "error-500-html":
            self.send_whole(500, "text/html", HTML.encode())
        elif model == "hang":
            # Nothing more comes from the client but its hanging up.
            self.rfile.read(1)
            self.note_hang_up()
        elif asked.get("stream"):
            self.stream(asked)
        else:
            self.send_json(200, completion(model))

    def note_hang_up(self):
        self.close_connection = True
        self.request_in_hand.hung_up_at = time.monotonic()
        self.request_in_hand.hung_up.set()

    def send_json(self, status, value, headers={}):
        # OpenAI's bodies have line breaks and spaces too.
        body = json.dumps(value, ensure_ascii=False, indent=2) + "\n"
        self.send_whole(status, "application/json", body.encode(), headers)

    def send_whole(self, status, content_type, body, headers={}):
        self.send_head(status, {"Content-Type": content_type, "Content-Length": str(len(body)), **headers})
        self.request_in_hand.sent = body
        self.wfile.write(body)

    def send_head(self, status, headers):
        self.send_response(status)
        # OpenAI names its own.
        for name, value in {"X-Request-Id": "req_of_the_provider", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def stream(self, asked):
        model = asked["model"]
        self.send_head(200, {"Content-Type": "text/event-stream; charset=utf-8", "Transfer-Encoding": "chunked"})
        asks_for_usage = (asked.get("stream_options") or {}).get("include_usage") is True
        for number, event in enumerate(events(model, asks_for_usage)):
            # The first event has the role only.
            if model == "abort" and number > WORDS_BEFORE_ABORT:
                self.close_connection = True
                return
            self.send_event(json.dumps(event, ensure_ascii=False, separators=(",", ":")))
            time.sleep(PAUSES.get(model, 0))
        self.send_event("[DONE]")
        if model == "late-end":
            time.sleep(0.5)
        self.wfile.write(b"0\r\n\r\n")

    def send_event(self, data):
        event = f"data: {data}\n\n".encode()
        self.request_in_hand.sent += event
        self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))


def completion(model):
    message = {"role": "assistant", "content": TEXT, "refusal": None, "annotations": []}
    if model == "tools":
        call = {"id": "call_1", "type": "function", "function": {"name": FUNCTION, "arguments": ARGUMENTS}}
        message = {**message, "content": None, "tool_calls": [call]}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason(model)}
    return {**envelope("chat.completion", model), "choices": [choice], "usage": USAGE}


def events(model, asks_for_usage):
    def event(choices, usage=None):
        chunk = {**envelope("chat.completion.chunk", model), "choices": choices}
        return {**chunk, "usage": usage} if asks_for_usage else chunk

    def choice(delta, reason=None):
        return [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}]

    for delta in deltas(model):
        yield event(choice(delta))
    yield event(choice({}, finish_reason(model)))
    if asks_for_usage:
        yield event([], USAGE)


def deltas(model):
    yield {"role": "assistant", "content": None if model == "tools" else "", "refusal": None}
    if model == "tools":
        function = {"name": FUNCTION, "arguments": ""}
        yield {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]}
        for start in range(0, len(ARGUMENTS), 7):
            yield {"tool_calls": [{"index": 0, "function": {"arguments": ARGUMENTS[start:start + 7]}}]}
        return
    for number, word in enumerate(itertools.cycle(WORDS) if model == "endless" else WORDS):
        yield {"content": word if number == 0 else " " + word}


def finish_reason(model):
    return "tool_calls" if model == "tools" else "stop"


def envelope(kind, model):
    return {"id": "chatcmpl-1", "object": kind, "created": 1770000000, "model": model, "system_fingerprint": "fp_1"}


def embeddings(asked):
    # The client asks for base64 where its caller does not say what it wants.
    def encode(vector):
        if asked.get("encoding_format") != "base64":
            return vector
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()

    vectors = enumerate(map(encode, VECTORS))
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in vectors]
    return {"object": "list", "data": data, "model": asked["model"], "usage": EMBEDDINGS_USAGE}
