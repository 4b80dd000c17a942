"""Reads files that are bodies with the boundary ThisRandomString, and prints for each file a line with its name, the body
of each part in hexadecimal, and how it ended.

    python3 aiohttp_parts.py FOLDER
"""

import asyncio
import pathlib
import sys
from unittest import mock

import aiohttp
from aiohttp.base_protocol import BaseProtocol


async def main(folder: str) -> None:
    loop = asyncio.get_running_loop()
    for file in sorted(pathlib.Path(folder).iterdir()):
        stream = aiohttp.StreamReader(mock.Mock(spec=BaseProtocol, _reading_paused=False), 2**16, loop=loop)
        stream.feed_data(file.read_bytes())
        stream.feed_eof()
        reader = aiohttp.MultipartReader({"Content-Type": "multipart/mixed; boundary=ThisRandomString"}, stream)
        print(file.name, end="")
        while (part := await reader.next()) is not None:
            print("", (await part.read()).hex(), end="")
        print(" closed")


asyncio.run(main(sys.argv[1]))
