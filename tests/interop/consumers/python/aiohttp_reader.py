"""Reads a stream with aiohttp's MultipartReader, and prints the SHA-256 of each picture.

    python3 aiohttp_reader.py URL PICTURES

PICTURES 0 stands for all of them.
"""

import asyncio
import hashlib
import sys

import aiohttp


async def main(url: str, take: int) -> None:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        reader = aiohttp.MultipartReader.from_response(response)
        count = 0
        while (take == 0 or count < take) and (part := await reader.next()) is not None:
            picture = await part.read()
            assert part.headers["Content-Length"] == str(len(picture)), len(picture)
            assert picture.startswith(b"\xff\xd8") and picture.endswith(b"\xff\xd9"), "no whole JPEG picture"
            print(hashlib.sha256(picture).hexdigest())
            count += 1


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
