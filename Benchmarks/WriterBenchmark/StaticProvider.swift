import Foundation

/// nginx as a provider of language models that always says the same, at once: what is left of the latency is the proxy's.
enum StaticProvider {
    private static let completion = """
        {"id": "chatcmpl-BxJ3mQ0w5dYkq7sV2uT9aLrZ1nHcE", "object": "chat.completion", "created": 1764100000, \
        "model": "gpt-4o-mini-2024-07-18", "choices": [{"index": 0, "message": {"role": "assistant", "content": \
        "A write-ahead log is written before the data itself, so that after a crash what was promised can be done again."\
        , "refusal": null, "annotations": []}, "logprobs": null, "finish_reason": "stop"}], "usage": {"prompt_tokens": 31, \
        "completion_tokens": 24, "total_tokens": 55, "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0}, \
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0, "accepted_prediction_tokens": 0}}, \
        "service_tier": "default", "system_fingerprint": "fp_560af6e559"}
        """

    /// Runs `body` with its URL.
    static func run<Result: Sendable>(
        in directory: String,
        _ body: (String) async throws -> Result
    ) async throws -> Result {
        let port = try Tools.freePort()
        let url = "http://127.0.0.1:\(port)"
        try configuration(port: port).write(toFile: directory + "/nginx.conf", atomically: true, encoding: .utf8)
        let arguments = ["-e", "stderr", "-p", directory, "-c", directory + "/nginx.conf"]
        return try await Tools.run("nginx", arguments) {
            try await Tools.waitUntilReady(url + "/v1/chat/completions", "nginx")
            return try await body(url)
        }
    }

    /// `return` is what answers a POST: a static file would with 405. Connections stay open, as a provider's do.
    private static func configuration(port: UInt16) -> String {
        """
        daemon off;
        master_process off;
        pid nginx.pid;
        events { worker_connections 1024; }
        http {
            access_log off;
            client_body_temp_path body;
            proxy_temp_path proxy;
            fastcgi_temp_path fastcgi;
            uwsgi_temp_path uwsgi;
            scgi_temp_path scgi;
            keepalive_timeout 1h;
            keepalive_requests 1000000000;
            server {
                listen 127.0.0.1:\(port);
                default_type application/json;
                location = /v1/chat/completions { return 200 '\(completion)'; }
            }
        }
        """
    }
}
