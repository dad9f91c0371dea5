"""From sockets to requests and back; knows neither Flask nor the engine.

An upload passes ``worker`` (takes its connection in), ``threads`` (who serves it), ``connection`` (bytes in and out),
``parser`` (bytes to a request; ``chunked_body``, ``limits``), ``worker`` again (admitted or refused) and ``wsgi`` (the
application is called, and its response sent).
"""
