# SPDX-License-Identifier: MIT
"""One thread and asyncio's streams, as tutorials write it.  echo_asyncio.py PORT"""
import asyncio
import sys


async def serve(reader, writer):
    try:
        while data := await reader.read(1024):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass  # the client has gone
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), backlog=65535)
    async with server:
        await server.serve_forever()


asyncio.run(main())
