"""A load generator on one event loop: many kept-alive connections, each sends its next request when it is answered."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field


@dataclass
class Load:
    """What came back: seconds per request, when each ended (monotonic) and, where they are watched, which version
    answered, in one order; answers by status; connections that were lost."""

    watched: bool = False
    seconds: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    lost: int = 0
    wall: float = 0.0
    versions: list[bytes] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Requests per second."""
        return len(self.seconds) / self.wall

    def percentile(self, share: float) -> float:
        """Milliseconds."""
        ordered = sorted(self.seconds)
        return 1e3 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class _Connection(asyncio.Protocol):
    def __init__(self, requests: list[bytes], place: int, until: float, load: Load) -> None:
        self.requests, self.place, self.until, self.load = requests, place, until, load
        self.done = asyncio.get_running_loop().create_future()
        self.buffer = b""
        self.began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._send()

    def _send(self) -> None:
        self.began = time.perf_counter()
        self.transport.write(self.requests[self.place % len(self.requests)])  # type: ignore[attr-defined]
        self.place += 1

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head = self.buffer.find(b"\r\n\r\n")
        if head < 0:
            return
        lower = self.buffer[:head].lower()
        at = lower.find(b"content-length:")
        length = int(lower[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self.buffer) < head + 4 + length:
            return
        ended = time.perf_counter()
        self.load.seconds.append(ended - self.began)
        self.load.ended.append(time.monotonic())
        status = int(self.buffer[9:12])
        self.load.statuses[status] = self.load.statuses.get(status, 0) + 1
        if self.load.watched:
            self.load.versions.append(self.buffer.partition(b'"version":"')[2][:16])
        self.buffer = b""
        if ended >= self.until:
            self.done.set_result(None)
            self.transport.close()
        else:
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        if not self.done.done():
            self.load.lost += 1
            self.done.set_result(None)


async def generate(
    host: str, port: int, path: str, bodies: list[bytes], connections: int, seconds: float, watched: bool = False
) -> Load:
    """POST the bodies in turn over so many connections for so long."""
    requests = [
        f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n".encode("ascii")
        + body
        for body in bodies
    ]
    load = Load(watched)
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    until = began + seconds
    made = [
        await loop.create_connection(lambda place=place: _Connection(requests, place, until, load), host, port)  # type: ignore[misc]
        for place in range(connections)
    ]
    await asyncio.gather(*(connection.done for _, connection in made))
    load.wall = time.perf_counter() - began
    return load


def run(
    host: str, port: int, path: str, bodies: list[bytes], connections: int, seconds: float, watched: bool = False
) -> Load:
    """As :func:`generate`, on a loop of its own."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(generate(host, port, path, bodies, connections, seconds, watched))
