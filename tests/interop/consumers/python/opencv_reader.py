"""Reads a stream with OpenCV, and prints the SHA-256 of each decoded picture.

    python3 opencv_reader.py URL PICTURES

PICTURES 0 stands for all of them.
"""

import hashlib
import sys

import cv2

take = int(sys.argv[2])
capture = cv2.VideoCapture(sys.argv[1])
assert capture.isOpened(), "OpenCV does not open the stream"
count = 0
while take == 0 or count < take:
    read, picture = capture.read()
    if not read:
        break
    print(hashlib.sha256(picture.tobytes()).hexdigest())
    count += 1
