import io

from werkzeug.formparser import parse_form_data

from benchmarks.workload import photo_request, photos_request


def split(request):
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return first, dict(line.split(": ", 1) for line in lines), body


def test_raw_request_is_the_photo():
    first, headers, body = split(photo_request(b"photo"))
    assert first == "POST /predict HTTP/1.1"
    assert (headers["Content-Type"], headers["Content-Length"], body) == ("image/jpeg", "5", b"photo")


def files_of(headers, body):
    environ = {
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": headers["Content-Type"],
        "CONTENT_LENGTH": headers["Content-Length"],
        "wsgi.input": io.BytesIO(body),
    }
    return parse_form_data(environ)[2]


def test_multipart_request_holds_the_photo_in_its_field():
    first, headers, body = split(photo_request(b"photo\r\n", "multipart", path="/form", field="request"))
    assert first == "POST /form HTTP/1.1"
    files = files_of(headers, body)
    with files["request"].stream as file:
        assert file.read() == b"photo\r\n"
    assert files["request"].filename == "photo.jpg"


def test_several_photos_are_fields_of_one_form():
    _, headers, body = split(photos_request([b"one", b"two"], kind="image/bmp"))
    files = files_of(headers, body)
    found = files.getlist("image")
    assert [file.read() for file in found] == [b"one", b"two"]
    assert {file.mimetype for file in found} == {"image/bmp"}
    for file in found:
        file.close()
