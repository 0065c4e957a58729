# SPDX-License-Identifier: MIT
# Copyright (c) 2026 the Adit authors
"""python3-websockets between a WebSocket and a TCP connection; wsbridge.js is the same on ws of npm.

    wsbridge.py client URL PORT     opens URL, then 127.0.0.1:PORT, and carries bytes between them
    wsbridge.py server PORT         the same for each WebSocket that comes; says "port N" at first
"""

import asyncio
import sys

import websockets


async def to_websocket(reader, ws):
    while True:
        data = await reader.read(65536)
        if not data:
            break
        await ws.send(data)
    await ws.close()


async def bridge(ws, port):
    print("subprotocol", ws.subprotocol, flush=True)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sender = asyncio.ensure_future(to_websocket(reader, ws))
    try:
        async for message in ws:
            assert isinstance(message, bytes)
            writer.write(message)
            await writer.drain()
    except (websockets.ConnectionClosed, ConnectionError) as e:
        print(repr(e), flush=True)
    print("closed", ws.close_code, flush=True)
    sender.cancel()
    writer.close()


async def client(url, port):
    async with websockets.connect(url, subprotocols=["adit.1"], max_size=None) as ws:
        await asyncio.wait_for(await ws.ping(b"are you there"), 30)
        print("pong", flush=True)
        await bridge(ws, port)


async def server(port):
    async def come(ws, path):
        print("path", path, flush=True)
        await bridge(ws, port)

    async with websockets.serve(come, "127.0.0.1", 0, subprotocols=["adit.1"],
                                max_size=None) as here:
        print("port", here.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


if __name__ == "__main__":
    if sys.argv[1] == "client":
        asyncio.run(client(sys.argv[2], int(sys.argv[3])))
    else:
        asyncio.run(server(int(sys.argv[2])))
