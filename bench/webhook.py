#!/usr/bin/env python3
"""How long the webhook takes for recorded reviews over TLS connections that are kept, at 200 a second.

    webhook.py PROGRAM [SECONDS]      PROGRAM is the strongroom binary

The API server that the webhook reads its settings from is this program. Prints the median, the 99th percentile and the
longest time from sending a review to having read the answer; the goal is a 99th percentile of 5 ms. As many requests for
/health go along, whose times are the machine's share, and the processor time of both together is shown.
"""
import http.client, http.server, json, pathlib, queue, resource, socket, ssl, subprocess, sys, threading, time

RATE, SENDERS, GOAL = 200, 4, 0.005
REVIEWS = pathlib.Path(__file__).resolve().parent.parent / "crates/k8s/tests/reviews"
NODES = {"nodes": [{"name": "node", "kubeletVersion": "v1.35.4", "envFiles": True}]}


def main():
    program, seconds = sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else 20
    api = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=api.serve_forever, daemon=True).start()
    port = free_port()
    webhook = subprocess.Popen([program, "k8s", "webhook", f"-listen=127.0.0.1:{port}", "-namespace=ns", "-service=hook", "-secret=tls",
                                "-lease=hook", "-webhook-configuration=hook", "-identity=bench", "-log-level=error",
                                f"-kube-api=http://127.0.0.1:{api.server_port}", "-kube-ca=none"])
    try:
        wait(port)
        times, baseline = (sorted(part) for part in measure(port, seconds))
    finally:
        webhook.terminate()
        webhook.wait(20)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{len(times)} reviews at {RATE}/s: {told(times)}; goal {'kept' if at(times, .99) <= GOAL else 'missed'}")
    print(f"{len(baseline)} health checks between them: {told(baseline)}")
    print(f"processor time, start and settings included: {(used.ru_utime + used.ru_stime) / len(times) * 1e3:.2f} ms for each review")


def told(times):
    return f"median {at(times, .5) * 1e3:.2f} ms, p99 {at(times, .99) * 1e3:.2f} ms, longest {times[-1] * 1e3:.2f} ms"


def at(times, part):
    return times[min(len(times) - 1, int(len(times) * part))]


def measure(port, seconds):
    """The times of reviews and of health checks, which are sent when they are due, whether or not others are under way."""
    bodies = [path.read_bytes() for path in sorted(REVIEWS.glob("*.json"))]
    due, times, baseline = queue.Queue(), [], []

    def send():
        connection = connected(port)
        while (body := due.get()) is not None:
            start = time.perf_counter()
            if body:
                connection.request("POST", "/mutate", body, {"Content-Type": "application/json"})
            else:
                connection.request("GET", "/health")
            answer = connection.getresponse()
            text = answer.read()
            (times if body else baseline).append(time.perf_counter() - start)
            assert answer.status == 200 and (not body or b'"response"' in text), text

    senders = [threading.Thread(target=send) for _ in range(SENDERS)]
    for sender in senders:
        sender.start()
    start = time.perf_counter()
    for number in range(int(RATE * seconds)):
        time.sleep(max(0, start + number / RATE - time.perf_counter()))
        due.put(bodies[number % len(bodies)])
        due.put(b"")
    for _ in senders:
        due.put(None)
    for sender in senders:
        sender.join()
    return times, baseline


def connected(port):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=10)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def wait(port):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            connection = connected(port)
            connection.request("GET", "/ready")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.2)
    sys.exit("the webhook does not get ready")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Api(http.server.BaseHTTPRequestHandler):
    """The few objects that the webhook reads and writes."""
    protocol_version = "HTTP/1.1"
    looked = {"strongroom.io/looked": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
    objects = {
        "configmaps/strongroom-config": {"metadata": {}, "data": {"address": "https://strongroom:8200", "image": "strongroom"}},
        "configmaps/strongroom-nodes": {"metadata": {"annotations": looked}, "data": {"nodes": json.dumps(NODES)}},
        "secrets/tls": {"metadata": {}},
        "leases/hook": {"metadata": {}},
        "mutatingwebhookconfigurations/hook": {"metadata": {}, "webhooks": [{"name": "pods", "clientConfig": {}}]},
    }

    def do_GET(self):
        self.answer(self.objects["/".join(self.path.split("/")[-2:])])

    def do_PUT(self):
        made = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.objects["/".join(self.path.split("/")[-2:])] = made
        self.answer(made)

    def answer(self, made):
        body = json.dumps(made).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


main()
