"""Take TLS connections at a port of 127.0.0.1, and pass their bytes on: tls_front.py PORT CHAIN KEY HOST:PORT"""

import asyncio
import ssl
import sys

port, chain, key, address = sys.argv[1:]
host, _, to = address.rpartition(":")
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(chain, key)


async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()


async def take(reader, writer):
    there = await asyncio.open_connection(host, to)
    await asyncio.gather(copy(reader, there[1]), copy(there[0], writer))


async def main():
    server = await asyncio.start_server(take, "127.0.0.1", port, ssl=context)
    await server.serve_forever()


asyncio.run(main())
