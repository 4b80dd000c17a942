"""Sends pictures with framing written by hand, each from a tutorial or a firmware.

    python3 by_hand.py FOLDER

Tells its address. No stream has a close-delimiter.
"""

import http.server
import pathlib
import sys

pictures = [file.read_bytes() for file in sorted(pathlib.Path(sys.argv[1]).glob("*.jpg"))]


def flask(picture: bytes) -> bytes:
    """The generator of nearly every Flask and Django tutorial."""
    return b"--frame\r\nContent-Type: image/jpeg\r\n\r\n" + picture + b"\r\n"


def flask_reversed(picture: bytes) -> bytes:
    """The same generator, corrected because browsers lag one picture behind."""
    return b"Content-Type: image/jpeg\r\n\r\n" + picture + b"\r\n--frame\r\n"


def picamera(picture: bytes) -> bytes:
    """The streaming example of picamera and picamera2, with the header lines of http.server."""
    return b"--FRAME\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n" % (len(picture), picture)


def esp32cam(picture: bytes) -> bytes:
    """Espressif's camera web server."""
    boundary = b"\r\n--123456789000000000000987654321\r\n"
    return boundary + b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b" % (len(picture), picture)


def tasmota(picture: bytes) -> bytes:
    """A delimiter after each part, none in front of the first."""
    head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(picture)
    return head + picture + b"\r\n--e8b8c539-047d-4777-a985-fbba6edff11e\r\n"


def mjpg_streamer(picture: bytes) -> bytes:
    head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\nX-Timestamp: 0.000000\r\n\r\n" % len(picture)
    return head + picture + b"\r\n--boundarydonotcross \r\n"


def express(picture: bytes) -> bytes:
    """Common code of Node programs: line feeds, and none after a picture."""
    return b"--myboundary\nContent-Type: image/jpg\nContent-length: %d\n\n%b" % (len(picture), picture)


def nph(picture: bytes) -> bytes:
    """A shell script, common since 1996: line feeds, no length."""
    return b"Content-type: image/jpeg\n\n" + picture + b"\n--ThisRandomString\n"


STREAMS = {
    "/flask": ("frame", b"", flask),
    "/flask-reversed": ("frame", b"--frame\r\n", flask_reversed),
    "/picamera": ("FRAME", b"", picamera),
    "/esp32cam": ("123456789000000000000987654321", b"", esp32cam),
    "/tasmota": ("e8b8c539-047d-4777-a985-fbba6edff11e", b"", tasmota),
    "/mjpg-streamer": ("boundarydonotcross", b"--boundarydonotcross\r\n", mjpg_streamer),
    "/express": ("--myboundary", b"", express),
    "/nph": ("ThisRandomString", b"--ThisRandomString\n", nph),
}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        boundary, opening, part = STREAMS[self.path]
        self.send_response(200)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={boundary}")
        self.end_headers()
        self.wfile.write(opening)
        for picture in pictures:
            self.wfile.write(part(picture))

    def log_message(self, *_: object) -> None:
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print("%s:%d" % server.server_address, flush=True)
server.serve_forever()
