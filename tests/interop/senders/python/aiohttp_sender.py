"""Sends pictures with aiohttp's MultipartWriter.

    python3 aiohttp_sender.py FOLDER

Tells its address. /each has a writer for each picture, as most programs do it, and so no end; /one has one for all.
"""

import asyncio
import pathlib
import sys

from aiohttp import MultipartWriter, web

pictures = [file.read_bytes() for file in sorted(pathlib.Path(sys.argv[1]).glob("*.jpg"))]


async def each(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "multipart/x-mixed-replace;boundary=frame"})
    await response.prepare(request)
    for picture in pictures:
        with MultipartWriter("image/jpeg", boundary="frame") as writer:
            writer.append(picture, {"Content-Type": "image/jpeg"})
            await writer.write(response, close_boundary=False)
    return response


async def one(request: web.Request) -> web.Response:
    writer = MultipartWriter("x-mixed-replace")
    for picture in pictures:
        writer.append(picture, {"Content-Type": "image/jpeg"})
    return web.Response(body=writer)


async def main() -> None:
    app = web.Application()
    app.router.add_get("/each", each)
    app.router.add_get("/one", one)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    print(f"{host}:{port}", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
