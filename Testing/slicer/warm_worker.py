"""One real worker for many tests: each Slicer of the tests reaches it through a process of its own.

``WarmWorker`` runs the worker and listens on a port of this computer. ``python warm_worker.py PORT`` takes the place of
the worker's process: it forwards its stdin to that worker and prints each event of it, and ends when its stdin closes.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import subprocess
import sys
import threading
from pathlib import Path
from typing import BinaryIO

MODULE_FOLDER = Path(__file__).resolve().parents[2] / "FlareSegmentation"


class WarmWorker:
    """Loading the networks takes seconds, so it is started once, at the first connection, until ``close``."""

    def __init__(self) -> None:
        self._listeners: set[BinaryIO] = set()
        self._lock = threading.Lock()
        self._worker: subprocess.Popen[bytes] | None = None
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), self._serve, bind_and_activate=True)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def command(self) -> list[str]:
        """What is started in place of the worker."""
        return [sys.executable, str(Path(__file__)), str(self._server.server_address[1])]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        if self._worker is not None:
            self._worker.communicate()  # closes its stdin

    def _serve(self, connection: socket.socket, _address: object, _server: object) -> None:
        with connection, connection.makefile("rb") as jobs, connection.makefile("wb") as events:
            worker = self._started(events)
            with contextlib.suppress(ConnectionError):  # its process was killed
                for line in jobs:
                    with self._lock:
                        worker.write(line)
                        worker.flush()
            with self._lock:
                self._listeners.discard(events)

    def _started(self, listener: BinaryIO) -> BinaryIO:
        """The stdin of the worker, whose events go to this listener, too."""
        with self._lock:
            self._listeners.add(listener)
            if self._worker is None:
                command = [sys.executable, "-m", "flareseg.worker", "--idle-seconds", "86400"]
                pipe = subprocess.PIPE
                self._worker = subprocess.Popen(command, stdin=pipe, stdout=pipe, cwd=MODULE_FOLDER)
                threading.Thread(target=self._tell, args=[self._worker.stdout], daemon=True).start()
            assert self._worker.stdin is not None
            return self._worker.stdin

    def _tell(self, events: BinaryIO) -> None:
        for line in events:
            with self._lock:
                for listener in tuple(self._listeners):
                    self._send(listener, line)

    def _send(self, listener: BinaryIO, line: bytes) -> None:
        try:
            listener.write(line)
            listener.flush()
        except OSError:  # its process was killed
            self._listeners.discard(listener)


def main() -> None:
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:

        def forward() -> None:
            for line in sys.stdin.buffer:
                connection.sendall(line)
            connection.shutdown(socket.SHUT_WR)

        threading.Thread(target=forward, daemon=True).start()
        with connection.makefile("rb") as events:
            for line in events:
                sys.stdout.buffer.write(line)
                sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
