"""A load balancer of TCP connections, as simple as one can be."""

import asyncio
import threading


class Balancer:
    """Hands each connection to the next port in turn; one where nobody listens is passed over."""

    def __init__(self, ports):
        self.ports = list(ports)
        self.taken = dict.fromkeys(self.ports, 0)  # connections by port
        self.port = 0
        self._turn = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self):
        self._thread.start()
        server = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop).result(10)
        self.port = server.sockets[0].getsockname()[1]
        return self

    def stop(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _serve(self, reader, writer):
        try:
            for _ in self.ports:
                port = self.ports[self._turn % len(self.ports)]
                self._turn += 1
                try:
                    inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    continue
                self.taken[port] += 1
                await asyncio.gather(self._pump(reader, inner_writer), self._pump(inner_reader, writer))
                return
        finally:
            writer.close()

    @staticmethod
    async def _pump(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()
