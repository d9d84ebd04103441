"""llm-proxy between OpenAI's own client, a provider that records what it receives, and a real ClickHouse.

    LLM_PROXY=.build/debug/llm-proxy CLICKHOUSE_URL=http://127.0.0.1:8123 \\
        python -m unittest discover --verbose --start-directory Tests/OpenAIClient

Needs the package openai. ClickHouse may be any from 18.16 on; a database of our own is made, and dropped.
"""

import asyncio
import hashlib
import json
import os
import re
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request
import uuid
from pathlib import Path

import openai

import provider
from provider import MARKER, TEXT, USAGE, WORDS

LLM_PROXY = Path(os.environ["LLM_PROXY"]).resolve()
CLICKHOUSE_URL = os.environ["CLICKHOUSE_URL"]
DATABASE = f"openai_client_{uuid.uuid4().hex[:12]}"
TABLE = f"{DATABASE}.llm_traces"

CLIENT_KEY = "sk-client"
WRONG_KEY = "sk-of-nobody"
PROVIDER_KEY = "sk-the-provider-key"

# After so long the proxy gives a silent provider up.
UPSTREAM_TIMEOUT = 2

TOKENS = {
    "input_tokens": USAGE["prompt_tokens"],
    "output_tokens": USAGE["completion_tokens"],
    "total_tokens": USAGE["total_tokens"],
}
NO_TOKENS = dict.fromkeys(TOKENS, 0)


def query(sql):
    try:
        with urllib.request.urlopen(CLICKHOUSE_URL, sql.encode(), timeout=30) as response:
            return response.read().decode()
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{sql}: {error.read().decode()}") from None


def rows(condition, columns="*"):
    lines = query(f"SELECT {columns} FROM {TABLE} WHERE {condition} FORMAT JSONEachRow").splitlines()
    return [json.loads(line) for line in lines]


def wait_for_rows(condition, count=1):
    """The rows once there are so many; what there is of them after 20 s."""
    deadline = time.monotonic() + 20
    while True:
        found = rows(condition)
        if len(found) >= count or time.monotonic() > deadline:
            return found
        time.sleep(0.1)


class Proxy:
    """The process, and all that it has said."""

    def __init__(self, directory, provider_url):
        keys = Path(directory, "client.keys")
        keys.write_text(f"{hashlib.sha256(CLIENT_KEY.encode()).hexdigest()}  tests\n")
        settings = {
            "CLICKHOUSE_FLUSH_INTERVAL": "200ms",
            "UPSTREAM_API_KEY": PROVIDER_KEY,
            "UPSTREAM_TIMEOUT": f"{UPSTREAM_TIMEOUT}s",
            "CLIENT_KEYS": str(keys),
        }
        self.process = subprocess.Popen(
            [LLM_PROXY, "--listen", "127.0.0.1:0", "--upstream-url", provider_url, "--clickhouse-url", CLICKHOUSE_URL,
             "--database", DATABASE, "--create-table"],
            cwd=directory,
            env={**os.environ, **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self.output = ""
        self.has_said_all = threading.Event()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        with self.process.stdout as lines:
            for line in lines:
                self.output += line
                if line.startswith("try: "):
                    self.has_said_all.set()
        # It has ended, and nobody has to wait for what it will not say.
        self.has_said_all.set()

    def wait_until_ready(self):
        """Returns the proxy's URL."""
        self.has_said_all.wait(60)
        address = re.search(r"^llm-proxy listens on (http://[^,\s]+),.*^try: ", self.output, re.MULTILINE | re.DOTALL)
        if address is None:
            raise AssertionError(f"the proxy has not started:\n{self.output}")
        return address[1]

    def terminate(self):
        """Returns the exit code."""
        self.process.terminate()
        code = self.process.wait(60)
        self.reader.join(10)
        return code

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class OpenAIClientTests(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="openai-client-")
        cls.addClassCleanup(directory.cleanup)
        cls.directory = directory.name
        cls.provider = provider.Provider()
        cls.addClassCleanup(cls.provider.stop)
        cls.addClassCleanup(query, f"DROP DATABASE IF EXISTS {DATABASE}")
        cls.proxy = Proxy(cls.directory, cls.provider.url)
        cls.addClassCleanup(cls.proxy.kill)
        cls.url = cls.proxy.wait_until_ready() + "/v1"
        # The client would hide what fails, or traces that are too many, behind another try.
        cls.settings = {"base_url": cls.url, "api_key": CLIENT_KEY, "max_retries": 0, "timeout": 30}
        cls.client = openai.OpenAI(**cls.settings)
        cls.addClassCleanup(cls.client.close)
        cls.untraced = []

    @classmethod
    def tearDownClass(cls):
        code = cls.proxy.terminate()
        if code != 0:
            raise AssertionError(f"the proxy ended with {code}:\n{cls.proxy.output}")
        # All that it will ever write is there now.
        repeated = query(f"SELECT request_id, count() FROM {TABLE} GROUP BY request_id HAVING count() > 1")
        if repeated:
            raise AssertionError(f"traces that are there more than once:\n{repeated}")
        for request_id in cls.untraced:
            if rows(f"request_id = '{request_id}'"):
                raise AssertionError(f"a trace that should not be there: {request_id}")

    def setUp(self):
        self.provider.received.clear()
        self.request_id = f"{self._testMethodName}-{uuid.uuid4().hex[:8]}"

    def chat(self, model, create=None, request_id=None, **parameters):
        create = create or self.client.chat.completions.create
        return create(
            model=model,
            messages=[{"role": "user", "content": f"What to do with so much {MARKER}?"}],
            extra_headers={"X-Request-Id": request_id or self.request_id},
            **parameters,
        )

    def received(self):
        """The one request that reached the provider in this test."""
        self.assertEqual(len(self.provider.received), 1)
        return self.provider.received[0]

    def check_authorization(self, received):
        self.assertEqual(received.headers.get_all("Authorization"), [f"Bearer {PROVIDER_KEY}"])
        self.assertNotIn(CLIENT_KEY, str(received.headers))

    def check_trace(self, request_id=None, **expected):
        """Waits for the request's one trace, and returns it."""
        request_id = request_id or self.request_id
        traces = wait_for_rows(f"request_id = '{request_id}'")
        self.assertEqual(len(traces), 1, f"traces of {request_id}")
        self.check_row(traces[0], **expected)
        return traces[0]

    def check_row(self, trace, **expected):
        expected = {
            "provider": "127.0.0.1",
            "is_streaming": False,
            "status_code": 200,
            "is_complete": True,
            "error_code": "",
            **expected,
        }
        # A table in the legacy dialect has 0 and 1 for false and true, and to Python they are equal.
        self.assertEqual({name: trace[name] for name in expected}, expected)
        self.assertGreaterEqual(trace["total_latency_ms"], trace["provider_ttfb_ms"])
        self.assertGreaterEqual(trace["completed_at"], trace["requested_at"])

    def check_no_trace(self, request_id):
        # Traces arrive in the order in which they were written: where a later one is, an earlier one would be too.
        later = f"{request_id}-later"
        self.chat("plain", request_id=later)
        self.check_trace(later, model="plain", **TOKENS)
        self.assertEqual(rows(f"request_id = '{request_id}'"), [])
        self.untraced.append(request_id)

    def check_provider_error(self, error_type, model, stream=False):
        """Returns the exception, its response's body and its trace."""
        request_id = f"{self.request_id}-{stream}"
        with self.assertRaises(error_type) as caught:
            self.chat(model, request_id=request_id, stream=stream)
        error = caught.exception
        self.assertEqual(error.response.headers["x-request-id"], request_id)
        body = error.response.json()
        self.assertEqual(body["request_id"], request_id)
        trace = self.check_trace(
            request_id,
            model=model,
            is_streaming=stream,
            status_code=error.status_code,
            is_complete=False,
            error_code=f"provider_status_{error.status_code}",
            **NO_TOKENS,
        )
        return error, body, trace

    def test_01_a_completion(self):
        response = self.chat("plain", self.client.chat.completions.with_raw_response.create, temperature=0.1)
        received = self.received()
        self.assertEqual((received.method, received.path), ("POST", "/v1/chat/completions"))
        self.assertEqual(received.body, response.http_request.content)
        self.assertEqual(received.headers["Content-Type"], "application/json")
        self.check_authorization(received)

        # The provider has named an id of its own.
        self.assertEqual(response.headers["x-request-id"], self.request_id)
        self.assertEqual(response.content, received.sent)
        completion = response.parse()
        self.assertEqual(completion.choices[0].message.content, TEXT)
        self.assertEqual(completion.usage.model_dump(exclude_unset=True), USAGE)
        self.check_trace(model="plain", **TOKENS)

    def test_02_tools_arrive_untouched(self):
        # What a gateway that decodes and encodes again would change: how numbers are written, which of them a Double
        # cannot hold, the order of members, what is escaped, and members that it does not know.
        schema = {
            "type": "object",
            "properties": {
                "sugar": {"type": "number", "minimum": 1e-7, "maximum": 0.1, "default": 1.0, "multipleOf": 1e-300},
                "id": {"type": "integer", "enum": [2**53 + 1, 2**64, -(10**40)]},
                "naïve/é 🍐 \u2028\x7f": {"$ref": "#/$defs/pot", "pattern": "^\\d+\"</script>\n$"},
                "": {"anyOf": [{"type": "null"}, {"type": "array", "items": {}, "prefixItems": [[], [{}], False]}]},
            },
            "$defs": {"pot": {"type": "string", "description": MARKER}},
            "required": ["sugar", "id"],
            "additionalProperties": False,
        }
        asked = {
            "model": "tools",
            "messages": [
                {"role": "system", "content": [{"type": "text", "text": f"{MARKER} 👩\u200d🍳"}]},
                {"role": "assistant", "content": None, "tool_calls": [
                    {"id": "call_0", "type": "function", "function": {"name": "cook", "arguments": provider.ARGUMENTS}}
                ]},
                {"role": "tool", "tool_call_id": "call_0", "content": "{\"done\": 1.10}"},
            ],
            "tools": [{"type": "function", "function": {"name": "cook", "strict": True, "parameters": schema}}],
            "tool_choice": {"type": "function", "function": {"name": "cook"}},
            "parallel_tool_calls": False,
            "temperature": 0.1,
            "top_p": 1e-7,
            "seed": 2**63 - 1,
        }
        headers = {"X-Request-Id": self.request_id}
        response = self.client.chat.completions.with_raw_response.create(
            **asked, extra_body={"of_a_later_version": {"b": 1e-7, "a": [None]}}, extra_headers=headers
        )
        received = self.received()
        self.assertEqual(received.body, response.http_request.content)
        self.assertEqual(received.json, {**asked, "of_a_later_version": {"b": 1e-7, "a": [None]}})
        self.assertEqual(response.content, received.sent)
        self.check_tool_call(response.parse().choices[0].message.tool_calls[0])
        self.check_trace(model="tools", **TOKENS)

        self.provider.received.clear()
        headers = {"X-Request-Id": f"{self.request_id}-streamed"}
        with self.client.chat.completions.create(**asked, stream=True, extra_headers=headers) as stream:
            deltas = [delta for chunk in stream for delta in chunk.choices[0].delta.tool_calls or []]
        self.assertEqual({**asked, "stream": True}, self.without_stream_options(self.received()))
        arguments = "".join(delta.function.arguments for delta in deltas)
        self.assertEqual((deltas[0].function.name, arguments), (provider.FUNCTION, provider.ARGUMENTS))
        self.check_trace(headers["X-Request-Id"], model="tools", is_streaming=True, **TOKENS)

    def check_tool_call(self, call):
        self.assertEqual((call.id, call.type), ("call_1", "function"))
        self.assertEqual((call.function.name, call.function.arguments), (provider.FUNCTION, provider.ARGUMENTS))

    def without_stream_options(self, received):
        """What a streamed request asked for beside its usage, which the proxy adds."""
        body = received.json
        self.assertEqual(body.pop("stream_options"), {"include_usage": True})
        return body

    def test_03_a_stream_arrives_word_by_word(self):
        stream = self.chat("stream", stream=True)
        self.assertEqual(stream.response.headers["x-request-id"], self.request_id)
        chunks, times = [], []
        for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content and not times:
                self.assertFalse(self.received().is_answered, "the first word came after the last")
            chunks.append(chunk)
            times.append(time.monotonic())
        # The provider has taken 100 ms for each.
        self.assertGreater(times[-1] - times[0], 0.1 * len(WORDS) / 2)
        words = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices[0].delta.content]
        self.assertEqual([word.strip() for word in words], WORDS)
        self.assertEqual(chunks[-1].choices[0].finish_reason, "stop")

        # The client did not ask for the usage, and sees none.
        self.assertTrue(all(chunk.choices and chunk.usage is None for chunk in chunks))
        received = self.received()
        self.assertEqual(self.without_stream_options(received), json.loads(stream.response.request.content))
        self.check_authorization(received)
        trace = self.check_trace(model="stream", is_streaming=True, **TOKENS)
        self.assertGreaterEqual(trace["total_latency_ms"] - trace["provider_ttfb_ms"], 100 * len(WORDS))

    def test_03_a_stream_loses_only_the_usage(self):
        create = self.client.chat.completions.with_streaming_response.create
        with self.chat("plain", create, stream=True) as response:
            body = b"".join(response.iter_bytes())
        events = self.received().sent.split(b"\n\n")
        # The last three: the usage, [DONE], and nothing behind the last line.
        self.assertIn(b'"choices":[]', events[-3])
        self.assertEqual(body.split(b"\n\n"), events[:-3] + events[-2:])
        self.check_trace(model="plain", is_streaming=True, **TOKENS)

    def test_03_a_stream_is_whole_when_its_client_hangs_up_after_done(self):
        # The client closes the connection at [DONE] where the response's end is not there yet.
        text = "".join(chunk.choices[0].delta.content or "" for chunk in self.chat("late-end", stream=True))
        self.assertEqual(text, TEXT)
        self.check_trace(model="late-end", is_streaming=True, **TOKENS)

    def test_04_a_stream_whose_client_asks_for_the_usage(self):
        stream = self.chat("plain", stream=True, stream_options={"include_usage": True})
        *chunks, last = stream
        self.assertEqual("".join(chunk.choices[0].delta.content or "" for chunk in chunks), TEXT)
        self.assertTrue(all(chunk.usage is None for chunk in chunks))
        self.assertEqual(last.choices, [])
        self.assertEqual(last.usage.model_dump(exclude_unset=True), USAGE)
        self.assertEqual(self.received().body, stream.response.request.content)
        self.check_trace(model="plain", is_streaming=True, **TOKENS)

    def test_05_a_rate_limit(self):
        for stream in (False, True):
            with self.subTest(stream=stream):
                error, body, _ = self.check_provider_error(openai.RateLimitError, "error-429", stream)
                self.assertEqual(error.body, provider.ERRORS["error-429"])
                self.assertEqual(body["error"], provider.ERRORS["error-429"])
                self.assertEqual(error.code, "rate_limit_exceeded")
                self.assertEqual(error.response.headers["retry-after"], "7")

    def test_05_a_bad_request(self):
        error, body, _ = self.check_provider_error(openai.BadRequestError, "error-400")
        self.assertEqual(body["error"], provider.ERRORS["error-400"])
        self.assertEqual((error.code, error.param), ("invalid_value", "stop"))

    def test_05_a_page_instead_of_an_answer(self):
        error, body, _ = self.check_provider_error(openai.InternalServerError, "error-500-html")
        self.assertEqual(error.status_code, 500)
        self.assertEqual(error.response.headers["content-type"].partition(";")[0], "application/json")
        for member in ("message", "type", "code"):
            self.assertIsInstance(body["error"][member], str)
            self.assertTrue(body["error"][member])
        self.assertEqual(error.code, body["error"]["code"])

    def test_06_a_provider_that_does_not_answer(self):
        with self.assertRaises(openai.InternalServerError) as caught:
            self.chat("hang")
        self.assertEqual(caught.exception.status_code, 504)
        self.assertEqual(caught.exception.code, "provider_timeout")
        self.assertEqual(caught.exception.response.json()["request_id"], self.request_id)
        self.assertTrue(self.received().hung_up.wait(5), "the proxy still waits for the provider")
        trace = self.check_trace(
            model="hang", status_code=504, is_complete=False, error_code="provider_timeout", **NO_TOKENS
        )
        self.assertGreaterEqual(trace["total_latency_ms"], 900 * UPSTREAM_TIMEOUT)

    def test_07_a_wrong_key(self):
        client = self.client.with_options(api_key=WRONG_KEY)
        with self.assertRaises(openai.AuthenticationError) as caught:
            self.chat("plain", client.chat.completions.create)
        self.assertEqual(caught.exception.status_code, 401)
        self.assertEqual(caught.exception.code, "invalid_api_key")
        self.assertEqual(caught.exception.response.json()["request_id"], self.request_id)
        self.assertNotIn(WRONG_KEY, caught.exception.response.text)
        self.assertEqual(self.provider.received, [])
        self.check_no_trace(self.request_id)

    def test_08_a_stream_that_the_provider_cuts(self):
        words = []
        with self.assertRaises(Exception) as caught:
            for chunk in self.chat("abort", stream=True):
                words.append(chunk.choices[0].delta.content)
        # Versions of the client before 3 let the error of the HTTP library through.
        is_of_http = type(caught.exception).__name__ == "RemoteProtocolError"
        self.assertTrue(is_of_http or isinstance(caught.exception, openai.APIError), repr(caught.exception))
        self.assertEqual("".join(words), " ".join(WORDS[:provider.WORDS_BEFORE_ABORT]))
        self.check_trace(
            model="abort", is_streaming=True, is_complete=False, error_code="provider_aborted", **NO_TOKENS
        )

    def test_09_a_client_that_closes_its_stream(self):
        stream = self.chat("endless", stream=True)
        self.assertTrue(next(stream).choices and next(stream).choices)
        stream.close()
        self.assertTrue(self.received().hung_up.wait(5), "the provider still streams")
        self.check_trace(
            model="endless", is_streaming=True, is_complete=False, error_code="client_disconnected", **NO_TOKENS
        )

    def test_09_a_task_that_is_cancelled(self):
        async def cancel():
            async with openai.AsyncOpenAI(**self.settings) as client:
                has_begun = asyncio.Event()

                async def read():
                    async for _ in await self.chat("endless", client.chat.completions.create, stream=True):
                        has_begun.set()

                task = asyncio.create_task(read())
                await asyncio.wait_for(has_begun.wait(), 10)
                task.cancel()
                await asyncio.wait([task])
                # While the client lives on.
                self.assertTrue(await asyncio.to_thread(self.received().hung_up.wait, 5), "the provider still streams")

        asyncio.run(cancel())
        self.check_trace(
            model="endless", is_streaming=True, is_complete=False, error_code="client_disconnected", **NO_TOKENS
        )

    def test_10_a_client_that_does_not_wait(self):
        for stream in (False, True):
            with self.subTest(stream=stream):
                self.provider.received.clear()
                request_id = f"{self.request_id}-{stream}"
                client = self.client.with_options(timeout=0.5)
                with self.assertRaises(openai.APITimeoutError):
                    self.chat("hang", client.chat.completions.create, request_id, stream=stream)
                received = self.received()
                self.assertTrue(received.hung_up.wait(5), "the provider is still waited for")
                # Later it might have been the proxy's own limit.
                self.assertLess(received.hung_up_at - received.arrived, UPSTREAM_TIMEOUT - 0.2)
                trace = self.check_trace(
                    request_id,
                    model="hang",
                    is_streaming=stream,
                    status_code=499,
                    is_complete=False,
                    error_code="client_disconnected",
                    **NO_TOKENS,
                )
                self.assertLess(trace["total_latency_ms"], 1000 * UPSTREAM_TIMEOUT)

    def test_11_embeddings(self):
        response = self.client.embeddings.with_raw_response.create(
            model="embed", input=[MARKER, "für alle"], extra_headers={"X-Request-Id": self.request_id}
        )
        received = self.received()
        self.assertEqual(received.path, "/v1/embeddings")
        self.assertEqual(received.body, response.http_request.content)
        self.check_authorization(received)
        self.assertEqual(response.content, received.sent)
        self.assertEqual(response.headers["x-request-id"], self.request_id)
        self.assertEqual([list(item.embedding) for item in response.parse().data], provider.VECTORS)
        self.check_trace(model="embed", input_tokens=5, output_tokens=0, total_tokens=5)

    def test_11_the_list_of_models(self):
        models = self.client.models.list(extra_headers={"X-Request-Id": self.request_id})
        self.assertEqual([model.id for model in models], provider.MODELS)
        self.assertEqual((self.received().method, self.received().path), ("GET", "/v1/models"))
        self.check_authorization(self.received())
        self.check_no_trace(self.request_id)

    def test_12_fifty_at_once(self):
        async def ask(client, number):
            create = client.chat.completions.create
            if number % 2 == 0:
                completion = await self.chat("plain", create, f"{self.request_id}-{number}")
                return completion.choices[0].message.content
            stream = await self.chat("plain", create, f"{self.request_id}-{number}", stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

        async def ask_all():
            async with openai.AsyncOpenAI(**self.settings) as client:
                return await asyncio.gather(*[ask(client, number) for number in range(50)])

        self.assertEqual(asyncio.run(ask_all()), [TEXT] * 50)
        self.assertEqual(len(self.provider.received), 50)
        traces = wait_for_rows(f"request_id LIKE '{self.request_id}-%'", 50)
        is_streamed = {f"{self.request_id}-{number}": number % 2 == 1 for number in range(50)}
        self.assertEqual(sorted(trace["request_id"] for trace in traces), sorted(is_streamed))
        for trace in traces:
            self.check_row(trace, model="plain", is_streaming=is_streamed[trace["request_id"]], **TOKENS)

    def test_13_no_text_and_no_key_is_kept(self):
        for stream in (False, True):
            completion = self.chat("plain", request_id=f"{self.request_id}-{stream}", stream=stream)
            if stream:
                list(completion)
            self.check_trace(f"{self.request_id}-{stream}", model="plain", is_streaming=stream, **TOKENS)
        with self.assertRaises(openai.RateLimitError):
            self.chat("error-429", request_id=f"{self.request_id}-error")
        self.check_trace(
            f"{self.request_id}-error", status_code=429, is_complete=False, error_code="provider_status_429"
        )
        with self.assertRaises(openai.AuthenticationError):
            self.chat("plain", self.client.with_options(api_key=WRONG_KEY).chat.completions.create)
        self.untraced.append(self.request_id)

        places = {path.name: path.read_bytes() for path in Path(self.directory).rglob("*") if path.is_file()}
        self.assertIn("traces.spool", places)
        places["the output"] = self.proxy.output.encode()
        places["the table"] = query(f"SELECT * FROM {TABLE} FORMAT JSONEachRow").encode()
        self.assertIn(self.request_id.encode(), places["the table"])
        for place, content in places.items():
            for secret in (MARKER, CLIENT_KEY, WRONG_KEY, PROVIDER_KEY):
                self.assertFalse(secret.encode() in content, f"{secret} is in {place}")


if __name__ == "__main__":
    unittest.main()
