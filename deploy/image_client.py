"""What the checks of images ask of a server; runs in an image itself, which has Python, NumPy and Pillow.

``python image_client.py PORT WHAT``, with one of: ready SECONDS (wait until it is, print the time; exit status 1 where
it is not in time), photos (classify some of the sample on standard input, print the percentage that is right), drain
(send a request of much work, print "sent", then how many of its images were answered), press SECONDS (send large
pictures from many clients, print how many were answered with which status).
"""

from __future__ import annotations

import http.client
import io
import json
import sys
import threading
import time
from collections import Counter
from typing import Any

import numpy as np
from PIL import Image

NUM_PHOTOS = 30
ANSWER_S = 900  # an emulated processor takes long
LARGE_PX = (4000, 3000)
NUM_LARGE = 16
NUM_PRESSING = 4  # clients that send the same kind of picture again and again
BOUNDARY = "photo-boundary"
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def multipart(files: list[bytes]) -> bytes:
    """Encode files as a form with the field `image`."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="photo"\r\n\r\n'.encode()
    return b"".join(head + file + b"\r\n" for file in files) + f"--{BOUNDARY}--\r\n".encode()


def encoded(image: Image.Image, image_format: str) -> bytes:
    """Encode an image."""
    file = io.BytesIO()
    image.save(file, image_format)
    return file.getvalue()


def send(port: int, files: list[bytes]) -> http.client.HTTPConnection:
    """Send files to the model that has learned what the sample is of; the answer is still to be read."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
    headers = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    connection.request("POST", "/predict?model=cifar10", multipart(files), headers)
    return connection


def predictions(connection: http.client.HTTPConnection) -> list[dict[str, Any]]:
    """Read the answer; one that is not 200 ends the program."""
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200:
        sys.exit(f"{answer.status} {content.decode(errors='replace')}")
    found: list[dict[str, Any]] = json.loads(content)["predictions"]
    return found


def wait_until_ready(port: int, seconds: float) -> None:
    """Poll /readyz; prints the time of the first success, in seconds since the epoch."""
    give_up_at = time.monotonic() + seconds
    while time.monotonic() < give_up_at:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                print(time.time())
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.005)
    sys.exit(1)


def classify_photos(port: int) -> None:
    """Classify the sample on standard input, and print the percentage that is right."""
    sample = np.load(io.BytesIO(sys.stdin.buffer.read()))
    step = len(sample["images"]) // NUM_PHOTOS
    photos = [encoded(Image.fromarray(image), "PNG") for image in sample["images"][::step]]
    labels = [CLASSES[target] for target in sample["targets"][::step]]
    answers = [answer["label"] for answer in predictions(send(port, photos))]
    print(100 * sum(map(str.__eq__, answers, labels)) // len(labels))


def send_before_the_end(port: int) -> None:
    """Have a request in flight when the server is told to stop, and print how many of its images were answered."""
    connection = send(port, [encoded(Image.radial_gradient("L").resize(LARGE_PX).convert("RGB"), "JPEG")] * NUM_LARGE)
    print("sent", flush=True)
    print(f"{sum('label' in answer for answer in predictions(connection))}/{NUM_LARGE}")


def press(port: int, seconds: float) -> None:
    """Send pictures that take much memory or time, and a small one, and print how often each status came."""
    large = Image.radial_gradient("L").resize(LARGE_PX)
    pictures = [
        encoded(large.convert("RGB"), "JPEG"),
        encoded(large.resize((2400, 1800)).convert("RGBA"), "PNG"),
        encoded(large.resize((1600, 1200)).convert("RGB"), "WEBP"),
        encoded(large.resize((320, 240)).convert("RGB"), "JPEG"),
    ]
    counts: Counter[str] = Counter()
    ends_at = time.monotonic() + seconds

    def send_again_and_again(picture: bytes) -> None:
        while time.monotonic() < ends_at:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
            try:
                connection.request("POST", "/predict", picture)
                status = str(connection.getresponse().status)
            except (OSError, http.client.HTTPException):
                status = "cut off"
            finally:
                connection.close()
            counts[status] += 1
            time.sleep(0.1)

    clients = [threading.Thread(target=send_again_and_again, args=(picture,)) for picture in pictures * NUM_PRESSING]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    print(", ".join(f"{status}: {counts[status]}" for status in sorted(counts)))


if __name__ == "__main__":
    port, what = int(sys.argv[1]), sys.argv[2]
    if what in ("ready", "press"):
        {"ready": wait_until_ready, "press": press}[what](port, float(sys.argv[3]))
    else:
        {"photos": classify_photos, "drain": send_before_the_end}[what](port)
